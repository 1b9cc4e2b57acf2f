"""What a smarthost's address says, and that a login is used only where it is safe."""

from dataclasses import fields
from pathlib import Path

import pytest

from agents.mta.port import CannotCarryOut
from agents.smarthosts.port import (
    Login,
    NoLogin,
    Smarthost,
    check_address,
    host_and_port,
    smarthost,
)
from domain.hosts import Desired, Wanted
from domain.measures import Measure, Restriction, Scope

MAILCHANNELS = "mailchannels:smtp.mailchannels.net:587"


def a_redirect(through: str | None) -> Desired:
    restriction = Restriction(
        measure=Measure.SMARTHOST_REDIRECT, scope=Scope.DOMAIN, targets=("shop.example",)
    )
    return Desired(key="r", restriction=restriction, wanted=Wanted.APPLIED, smarthost=through)


def a_login(state: Path, host: str, text: str = "plazo:s3cret\n", mode: int = 0o600) -> Path:
    folder = state / "smarthosts"
    folder.mkdir(exist_ok=True)
    file = folder / host
    file.write_text(text)
    file.chmod(mode)
    return file


def test_a_plain_relay_is_used_as_the_mail_server_uses_any_host(tmp_path: Path) -> None:
    found = smarthost(a_redirect("Relay.Example:2525"), tmp_path)
    assert found == Smarthost(kind="relay", host="relay.example", port=2525)
    assert not found.tls_required


def test_a_plain_relay_with_a_login_is_reached_over_tls_only(tmp_path: Path) -> None:
    a_login(tmp_path, "relay.example")
    found = smarthost(a_redirect("relay.example:587"), tmp_path)
    assert found.login == Login(user="plazo", secret="s3cret")
    assert found.tls_required


def test_mailchannels_has_a_login_tls_and_the_header_that_tells_senders_apart(
    tmp_path: Path,
) -> None:
    a_login(tmp_path, "smtp.mailchannels.net")
    found = smarthost(a_redirect(MAILCHANNELS), tmp_path)
    assert (found.kind, found.host, found.port) == ("mailchannels", "smtp.mailchannels.net", 587)
    assert found.login is not None
    assert found.tls_required
    assert found.identity_headers == ("X-AuthUser",)


def test_mailchannels_without_its_login_is_tried_again_when_the_file_is_there(
    tmp_path: Path,
) -> None:
    with pytest.raises(NoLogin, match="put USER:SECRET there"):
        smarthost(a_redirect(MAILCHANNELS), tmp_path)
    a_login(tmp_path, "smtp.mailchannels.net")
    assert smarthost(a_redirect(MAILCHANNELS), tmp_path).login is not None


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        ("plazo:s3cret\n", 0o640, "can be read by others"),
        ("plazo:s3cret\n", 0o604, "can be read by others"),
        ("plazo\n", 0o600, "USER:SECRET"),
        (":s3cret\n", 0o600, "USER:SECRET"),
        ("plazo:s3cret\nrelayhost = evil\n", 0o600, "USER:SECRET"),
        ("plazo:s3c ret\n", 0o600, "USER:SECRET"),
        ("plazo:s3crét\n", 0o600, "USER:SECRET"),
        ("", 0o600, "USER:SECRET"),
    ],
)
def test_a_login_that_is_unsafe_or_ambiguous_is_not_used(
    tmp_path: Path, text: str, mode: int, why: str
) -> None:
    a_login(tmp_path, "relay.example", text, mode)
    with pytest.raises(NoLogin, match=why) as refused:
        smarthost(a_redirect("relay.example:587"), tmp_path)
    assert "s3c" not in str(refused.value)


def test_a_login_goes_to_its_own_host_and_to_no_other(tmp_path: Path) -> None:
    a_login(tmp_path, "relay.example")
    assert smarthost(a_redirect("relay.example.evil:587"), tmp_path).login is None


def test_a_secret_is_never_printed() -> None:
    assert "s3cret" not in repr(Login(user="plazo", secret="s3cret"))


@pytest.mark.parametrize(
    ("address", "where"),
    [
        ("relay.example:25", ("relay.example", 25)),
        ("127.0.0.1:2525", ("127.0.0.1", 2525)),
        ("[2001:DB8::1]:587", ("2001:db8::1", 587)),
        ("mailchannels:25", ("mailchannels", 25)),
        ("mailchannels:127.0.0.1:25", ("127.0.0.1", 25)),
        ("mailchannels:[::1]:25", ("::1", 25)),
    ],
)
def test_an_address_leads_to_a_host_and_a_port(address: str, where: tuple[str, int]) -> None:
    assert check_address(address) == address
    assert host_and_port(address) == where


@pytest.mark.parametrize(
    "address",
    [
        "", "relay.example", "relay.example:0", "relay.example:65536", ":25", "relay..example:25",
        "../../etc/passwd:25", "..:25", "relay.example:25\n", "relay.example:25 smtp:", "a b:25",
        "relay.example:25,evil:25", "[relay.example]:25", "[:::]:25", "relay.example:٢٥", "-x:25",
        "$(id):25", "${run{/bin/sh}}:25", "sendgrid:relay.example:25", "x" * 64 + ".example:25",
    ],
)  # fmt: skip
def test_what_is_no_address_gets_into_no_configuration(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="smarthost"):
        check_address(address)
    with pytest.raises(CannotCarryOut, match="smarthost"):
        smarthost(a_redirect(address), tmp_path)


def test_a_redirect_without_an_address_cannot_be_carried_out(tmp_path: Path) -> None:
    with pytest.raises(CannotCarryOut, match="HOST:PORT"):
        smarthost(a_redirect(None), tmp_path)


def test_a_kind_that_nobody_wrote_is_told_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="known: mailchannels, relay"):
        check_address("sendgrid:smtp.sendgrid.net:587")


def test_what_travels_to_a_host_has_no_room_for_a_secret() -> None:
    names = {each.name for each in fields(Desired)}
    assert "smarthost" in names
    assert not names & {"login", "secret", "token", "user", "headers"}
