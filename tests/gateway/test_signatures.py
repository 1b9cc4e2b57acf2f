"""Who posted a report: HTTP message signatures and passwords, beside Standard Webhooks."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import ContentDigest, HTTPMessageSigner, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from gateway import message_signatures
from gateway.keys import Keys
from gateway.signatures import NotSigned
from tests.gateway.corpus import recent
from tests.gateway.test_reports import assert_problem, count
from tests.gateway.world import (
    EVENTS_KEY,
    INCIDENT,
    PASSWORD,
    World,
    a_report,
    signed,
)

EVENTS = recent("mailchannels.json")
ADDRESS = "http://gateway.test/v1/reports?reporter=events"


class Signing(HTTPSignatureKeyResolver):
    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return self._key


def message(
    content: bytes = EVENTS,
    *,
    key: Ed25519PrivateKey = EVENTS_KEY,
    covered: tuple[str, ...] = ("content-digest",),
    address: str = ADDRESS,
    seconds: int = 0,
    lasts: int | None = None,
) -> httpx.Request:
    """A signed request, as MailChannels sends it."""
    request = httpx.Request("POST", address, content=content)
    request.headers["content-digest"] = ContentDigest.create(content)
    now = datetime.now(UTC).timestamp() + seconds
    HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=Signing(key)).sign(
        request,
        key_id="mckey",
        created=datetime.fromtimestamp(now, UTC),
        expires=datetime.fromtimestamp(now + lasts, UTC) if lasts is not None else None,
        covered_component_ids=covered,
        label=f"sig_{int(now)}",
        use_existing_digest=True,
    )
    return request


async def send(world: World, request: httpx.Request, **headers: str | None) -> httpx.Response:
    for name, value in headers.items():
        del request.headers[name.replace("_", "-")]
        if value is not None:
            request.headers[name.replace("_", "-")] = value
    return await world.http.send(request)


# --- HTTP message signatures ---------------------------------------------------------------------


async def test_events_that_mailchannels_signed_are_accepted(world: World) -> None:
    answer = await send(world, message())
    assert answer.status_code == 202, answer.text
    assert len(await world.rows()) == 2
    assert await world.pool.fetchval("SELECT domain FROM reports LIMIT 1") == "shop.example"


async def test_the_same_events_signed_again_are_the_same_report(world: World) -> None:
    first = await send(world, message(seconds=-100))
    again = await send(world, message())
    assert first.json() == again.json()
    assert await count(world.pool, "inbox") == 1
    assert len(await world.rows()) == 2


@pytest.mark.parametrize(
    "made",
    [
        lambda: (message(key=Ed25519PrivateKey.generate()), {}),
        lambda: (message(covered=("@method",)), {}),
        lambda: (message(b"", covered=("@method",)), {"content_digest": "sha-256=:AAAA:"}),
        lambda: (message(), {"content_digest": ContentDigest.create(b"other")}),
        lambda: (message(), {"content_digest": None}),
        lambda: (message(), {"signature": None}),
        lambda: (message(), {"signature": "sig1=:AAAA:"}),
        lambda: (message(), {"signature_input": None}),
        lambda: (message(), {"signature_input": 'sig1=("content-digest");created=1;keyid="x"'}),
        lambda: (message(), {"signature_input": "x" * 5_000}),
        lambda: (message(address=ADDRESS.replace("events", "fbl")), {}),
        lambda: (message(address=ADDRESS.replace("events", "nobody")), {}),
    ],
)
async def test_what_is_not_signed_with_its_reporters_key_is_refused(
    world: World, made: Callable[[], tuple[httpx.Request, dict[str, str | None]]]
) -> None:
    request, headers = made()
    assert_problem(await send(world, request, **headers), 401, "not-signed")
    assert await count(world.pool, "inbox") == 0


async def test_content_that_was_changed_on_the_way_is_refused(world: World) -> None:
    request = message()
    changed = httpx.Request("POST", ADDRESS, content=EVENTS + b" ", headers=request.headers)
    changed.headers["content-length"] = str(len(EVENTS) + 1)
    answer = await world.http.send(changed)
    assert "Content-Digest does not match" in assert_problem(answer, 401, "not-signed")


@pytest.mark.parametrize(("seconds", "lasts"), [(-360, None), (360, None), (-2_000, 1_000)])
async def test_a_signature_of_another_time_is_refused(
    world: World, seconds: int, lasts: int | None
) -> None:
    answer = await send(world, message(seconds=seconds, lasts=lasts))
    assert_problem(answer, 409, "signed-at-another-time")
    assert await count(world.pool, "inbox") == 0


async def test_what_is_in_the_query_counts_only_if_it_is_signed(world: World) -> None:
    address = f"{ADDRESS}&address=192.0.2.7"
    for each in (address, f"{ADDRESS}&spam=true"):
        unsigned = await send(world, message(address=each))
        assert "does not cover the query" in assert_problem(unsigned, 401, "not-signed")
    await send(world, message(address=address, covered=("content-digest", "@query")))
    assert {incident for _, incident in await world.rows()} == {INCIDENT}


async def test_the_challenge_says_what_the_reporter_could_prove(world: World) -> None:
    for reporter, challenge in [
        ("events", "Signature"), ("filter", 'Basic realm="reports"'),
        ("both", 'StandardWebhooks, Basic realm="reports"'), ("nobody", "StandardWebhooks"),
    ]:  # fmt: skip
        answer = await world.http.post(f"/v1/reports?reporter={reporter}", content=b"x")
        assert_problem(answer, 401, "not-signed")
        assert answer.headers["www-authenticate"] == challenge


FIELD = st.text(st.characters(codec="latin-1"), max_size=60) | st.sampled_from([
    'sig1=("content-digest");created=1773057520;keyid="k";alg="ed25519"', "sig1=:AAAA:",
    'sig1=("content-digest" "content-digest");created=999999999999999;keyid="k"',
    'sig1=("@query-param";name="x");created=-1;keyid="k"', 'sig1=("content-digest";bs);created=1',
    'sig1=("content-digest";req);created=1;keyid="k"', "sha-256=:" + "A" * 43 + "=:", "sig1=?1",
    'sig1=("@status");created=1;keyid="k"', 'a=(), b=();created=1;keyid="k"', "a=:AA==:, b=:AA==:",
])  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(signature_input=FIELD, signature=FIELD, digest=FIELD, content=st.sampled_from([b"", b"x"]))
def test_whatever_stands_in_the_header_it_is_not_signed(
    signature_input: str, signature: str, digest: str, content: bytes
) -> None:
    headers = {"signature-input": signature_input, "signature": signature, "content-digest": digest}
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": "/v1/reports", "query_string": b"",
        "scheme": "http", "server": ("gateway.test", 80),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }  # fmt: skip
    with pytest.raises(NotSigned) as refused:
        message_signatures.verify(
            Request(scope), content, [EVENTS_KEY.public_key()], datetime.now(UTC)
        )
    str(refused.value).encode("ascii")


# --- Passwords -----------------------------------------------------------------------------------


async def rspamd(
    world: World, user: str = "filter", password: str = PASSWORD, reporter: str = "filter"
) -> httpx.Response:
    return await world.http.post(
        "/v1/reports",
        params={"reporter": reporter},
        content=recent("rspamd-relay.json"),
        auth=httpx.BasicAuth(user, password),
    )


async def test_rspamd_proves_itself_with_its_password(world: World) -> None:
    first = await rspamd(world)
    again = await rspamd(world)
    assert first.json() == again.json()
    assert [incident for _, incident in await world.rows()] == [INCIDENT]


@pytest.mark.parametrize(
    ("user", "password", "reporter"),
    [
        ("filter", "", "filter"),
        ("filter", PASSWORD + "x", "filter"),
        ("both", PASSWORD, "filter"),
        ("fbl", PASSWORD, "fbl"),
        ("events", PASSWORD, "events"),
        ("nobody", "", "nobody"),
    ],
)
async def test_a_wrong_password_or_another_reporters_is_refused(
    world: World, user: str, password: str, reporter: str
) -> None:
    assert_problem(await rspamd(world, user, password, reporter), 401, "not-signed")
    assert await count(world.pool, "inbox") == 0


@pytest.mark.parametrize("header", ["Basic", "Basic ?", "Bearer x", "Basic " + "A" * 3, "\xff"])
async def test_what_is_no_basic_authorization_is_refused(world: World, header: str) -> None:
    answer = await world.http.post(
        "/v1/reports?reporter=filter", content=b"{}", headers={b"authorization": header.encode()}
    )
    assert_problem(answer, 401, "not-signed")


async def test_a_secret_is_no_password(world: World) -> None:
    answer = await world.http.post(
        "/v1/reports?reporter=fbl", content=a_report(), headers=world.token()
    )
    assert "webhook-id" in assert_problem(answer, 401, "not-signed")


async def test_a_reporter_with_two_kinds_of_keys_may_use_either(world: World) -> None:
    content = a_report()
    webhook = await world.http.post(
        "/v1/reports?reporter=both", content=content, headers=signed(content)
    )
    assert webhook.status_code == 202
    assert (await rspamd(world, "both", reporter="both")).status_code == 202


# --- How keys are written ------------------------------------------------------------------------


def test_a_public_key_may_be_raw_or_der_or_a_pem_file() -> None:
    public = EVENTS_KEY.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    written = (
        base64.b64encode(public.public_bytes_raw()).decode(), base64.b64encode(der).decode(), pem,
    )  # fmt: skip

    keys = Keys.read(tuple(f"ed25519:{each}" for each in written))

    assert {each.public_bytes_raw() for each in keys.public} == {public.public_bytes_raw()}


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("ed25519:", "base64"),
        ("ed25519:AAAA", "base64, of 32 bytes or of DER"),
        ("ed25519:?", "base64"),
        (
            "ed25519:"
            + base64.b64encode(
                X25519PrivateKey.generate()
                .public_key()
                .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            ).decode(),
            "of another kind",
        ),
        ("basic:short", "openssl rand"),
        ("basic:" + "ñ" * 30, "printable ASCII"),
        ("whsec_AAAA", "shorter than 24 bytes"),
        ("hmac:AAAA", "whsec_ and base64"),
    ],
)
def test_a_key_that_is_none_is_told_what_one_is(key: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Keys.read((key,))
