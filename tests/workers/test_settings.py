"""Settings: every problem at once, each with its variable and what to write; secrets unseen."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from workers.host_agent import AgentSettings
from workers.settings.provider import Settings
from workers.settings.reading import BadSettings, environment

KEY = "whsec_" + "c2VjcmV0IG9mIHRoZSBmZWVkYmFjayBsb29w"
SECRETS = ("pa55word", "the-portal-secret-of-a-test", "the-issuer's-secret", KEY)
ENOUGH: Mapping[str, str] = {
    "PLAZO_DATABASE_URL": "postgresql://plazo:pa55word@127.0.0.1/plazo",
    "PLAZO_PUBLIC_URL": "https://plazo.provider.example/",
    "PLAZO_PORTAL_SECRET": "the-portal-secret-of-a-test",
}


def problems(**given: str) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        Settings.read({**ENOUGH, **given})
    return str(refused.value).splitlines()


def test_four_settings_are_enough() -> None:
    settings = Settings.read(ENOUGH)
    assert settings.public_url == "https://plazo.provider.example"
    assert settings.mail_server.host == "127.0.0.1"
    assert settings.reply_to.startswith("abuse@")
    assert settings.blocklists[0] == "zen.spamhaus.org"
    assert (settings.dns, settings.smarthost, settings.build_id) == (None, None, None)


def test_everything_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(BadSettings) as refused:
        Settings.read({})
    told = str(refused.value).splitlines()
    assert [line.partition(" ")[0] for line in told] == [*ENOUGH]
    assert all(" is not set: " in line for line in told)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = {
        "PLAZO_PUBLIC_URL": "plazo.provider.example",
        "PLAZO_PORTAL_SECRET": "short",
        "PLAZO_SMTP_URL": "smtp://:25",
        "PLAZO_LISTEN": "8080",
        "PLAZO_NEWS_INTERVAL": "five",
        "PLAZO_OIDC_ISSUER": "identity.provider.example",
    }
    told = problems(**wrong)
    assert sorted(line.partition(": ")[0].removesuffix(" is not set") for line in told) == sorted(
        wrong
    )


@pytest.mark.parametrize(
    ("name", "given", "what_to_write"),
    [
        ("PLAZO_DATABASE_URL", "127.0.0.1/plazo", "postgresql://USER@HOST/DATABASE"),
        ("PLAZO_DATABASE_URL", "postgresql://127.0.0.1", "postgresql://USER@HOST/DATABASE"),
        ("PLAZO_PUBLIC_URL", "plazo.example", "https://HOST"),
        ("PLAZO_PUBLIC_URL", "ftp://plazo.example", "https://HOST"),
        ("PLAZO_PORTAL_SECRET", "short", "openssl rand"),
        ("PLAZO_REPLY_TO", "Abuse Desk", "mail address"),
        ("PLAZO_REPLY_TO", "a@b.example, c@d.example", "mail address"),
        ("PLAZO_SMTP_URL", "mail.example", "smtp://HOST:PORT"),
        ("PLAZO_REPORTERS", "fbl", "NAME=whsec_KEY"),
        ("PLAZO_REPORTERS", "fbl=secret", "whsec_"),
        ("PLAZO_REPORTERS", f"two words={KEY}", "NAME=whsec_KEY"),
        ("PLAZO_REPORTERS", "ed25519:AAAA", "NAME=ed25519:KEY"),
        ("PLAZO_REPORTERS", "events=ed25519:AAAA", "base64, of 32 bytes or of DER"),
        ("PLAZO_REPORTERS", "filter=basic:short", "openssl rand"),
        ("PLAZO_BLOCKLISTS", "example", "bl.example"),
        ("PLAZO_BLOCKLISTS", "zen.spamhaus.org, a..b", "bl.example"),
        ("PLAZO_DNS", "ns.example:53", "IP:PORT"),
        ("PLAZO_DNS", "127.0.0.1", "IP:PORT"),
        ("PLAZO_SMARTHOST", "smarthost.example", "HOST:PORT"),
        ("PLAZO_SMARTHOST", "smarthost.example:0", "HOST:PORT"),
        ("PLAZO_LISTEN", ":8080", "HOST:PORT"),
        ("PLAZO_LISTEN", "127.0.0.1:65536", "HOST:PORT"),
        ("PLAZO_TEMPORAL_UI", "127.0.0.1:8233", "https://HOST"),
        ("PLAZO_CONFIRM", "soon", "4h"),
        ("PLAZO_NEWS_INTERVAL", "0s", "5s"),
        ("PLAZO_NEWS_INTERVAL", "0.0s", "5s"),
    ],
)
def test_each_problem_names_the_variable_and_what_to_write(
    name: str, given: str, what_to_write: str
) -> None:
    [told] = problems(**{name: given})
    assert told.startswith(f"{name}: ")
    assert what_to_write in told


def test_secrets_are_not_in_what_is_printed() -> None:
    settings = Settings.read(
        {
            **ENOUGH,
            "PLAZO_REPORTERS": f"fbl={KEY}",
            "PLAZO_SMTP_URL": "submission://plazo:pa55word@mail.example",
        }
    )
    assert settings.reporters == {"fbl": (KEY,)}
    assert settings.mail_server.password == "pa55word"
    assert not [secret for secret in SECRETS if secret in repr(settings)]


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("PLAZO_DATABASE_URL", "plazo:pa55word@127.0.0.1/plazo"),
        ("PLAZO_DATABASE_URL", "mysql://plazo:pa55word@127.0.0.1/plazo"),
        ("PLAZO_PORTAL_SECRET", "pa55word"),
        ("PLAZO_SMTP_URL", "plazo:pa55word@mail.example"),
        ("PLAZO_SMTP_URL", "submission://plazo:pa55word@mail.example:x"),
        ("PLAZO_REPORTERS", KEY),
        ("PLAZO_REPORTERS", f"{KEY}="),
        ("PLAZO_REPORTERS", f"fbl:{KEY}"),
        ("PLAZO_REPORTERS", "fbl=pa55word"),
        ("PLAZO_REPORTERS", "fbl=basic:pa55word"),
        ("PLAZO_REPORTERS", "basic:pa55word"),
        ("PLAZO_REPORTERS", f"fbl={KEY}, {KEY}"),
    ],
)
def test_secrets_are_not_in_what_is_complained_of(name: str, given: str) -> None:
    [told] = problems(**{name: given})
    assert not [secret for secret in SECRETS if secret in told]


def test_a_reporter_may_have_two_keys_while_one_is_replaced() -> None:
    other = "whsec_" + "YSBzZWNyZXQgdGhhdCBpcyBiZWluZyByZXBsYWNlZA=="
    given = f"fbl={KEY}, desk={KEY} ,fbl={other}"
    settings = Settings.read({**ENOUGH, "PLAZO_REPORTERS": given})
    assert settings.reporters == {"fbl": (KEY, other), "desk": (KEY,)}


def test_a_reporter_that_cannot_sign_so_has_a_key_of_another_kind() -> None:
    public, password = "ed25519:" + "A" * 43 + "=", "basic:a password = of 24 and more."
    given = f"events={public}, filter={password}, filter={KEY}"
    settings = Settings.read({**ENOUGH, "PLAZO_REPORTERS": given})
    assert settings.reporters == {"events": (public,), "filter": (password, KEY)}


@pytest.mark.parametrize(
    ("given", "seconds"), [("0.3s", 0.3), ("5s", 5.0), ("15m", 900.0), ("1h 30m", 5_400.0)]
)
def test_spans_may_be_shorter_than_a_second(given: str, seconds: float) -> None:
    assert Settings.read({**ENOUGH, "PLAZO_NEWS_INTERVAL": given}).news_interval == seconds


def test_the_environment_counts_more_than_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text('PLAZO_PROVIDER="Of the file"\nPLAZO_BUILD_ID=1\n')
    monkeypatch.setenv("PLAZO_PROVIDER", "Of the environment")
    monkeypatch.delenv("PLAZO_BUILD_ID", raising=False)
    known = environment(file)
    assert (known["PLAZO_PROVIDER"], known["PLAZO_BUILD_ID"]) == ("Of the environment", "1")


def test_one_setting_can_be_read_without_the_others() -> None:
    assert Settings.one("PLAZO_BLOCKLISTS", {"PLAZO_BLOCKLISTS": "a.example, b.example."}) == (
        "a.example",
        "b.example",
    )
    assert Settings.one("PLAZO_DNS", {}) is None
    with pytest.raises(BadSettings, match="PLAZO_DNS"):
        Settings.one("PLAZO_DNS", {"PLAZO_DNS": "x"})


def test_an_agent_knows_its_gateway_and_its_key_and_nothing_of_the_provider() -> None:
    with pytest.raises(BadSettings) as refused:
        AgentSettings.read(ENOUGH)
    told = str(refused.value).splitlines()
    assert [line.partition(" ")[0] for line in told] == ["PLAZO_GATEWAY", "PLAZO_HOST_KEY"]
    agent = AgentSettings.read(
        {"PLAZO_GATEWAY": "https://plazo.example/", "PLAZO_HOST_KEY": "plazo_host_pa55word"}
    )
    assert agent.gateway == "https://plazo.example"
    assert "pa55word" not in repr(agent)
