"""Reports that programs post: XARF, MailChannels' events, Rspamd's metadata."""

import json
from typing import Any

import pytest

from gateway.formats.port import NotUnderstood
from tests.gateway.corpus import NOW, SENT_AT, complaint_in, complaints_in, sample


def changed(name: str, **fields: Any) -> bytes:
    """A sample with other values; None takes a field out."""
    data = {**json.loads(sample(name)), **fields}
    return json.dumps({key: value for key, value in data.items() if value is not None}).encode()


# --- XARF ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["xarf4-spam.json", "xarf3-spam.json"])
def test_spam_reported_by_xarf_is_understood(name: str) -> None:
    complaint = complaint_in(sample(name))

    assert (complaint.format, complaint.address, complaint.sent_at) == (
        "xarf",
        "192.0.2.7",
        SENT_AT,
    )
    assert (complaint.domain, complaint.sender) == ("shop.example", "bounce@shop.example")
    assert complaint.fingerprint == complaint_in(sample("plain.json")).fingerprint
    assert "X-PHP-Originating-Script: 1001:mailer.php" in complaint.headers
    assert "trap-17" not in "".join(complaint.headers)


def test_bulk_mail_counts_and_needs_neither_sender_nor_port() -> None:
    complaint = complaint_in(sample("xarf4-bulk.json"))

    assert (complaint.address, complaint.sender) == ("192.0.2.7", None)
    assert complaint.headers == ("Subject: your watch is waiting", "To: redacted@trap.example")


@pytest.mark.parametrize(
    "name",
    ["xarf4-phishing.json", "xarf4-sms.json", "xarf3-login.json", "xarf2-login.eml",
     "xarf2-secure.eml"],
)  # fmt: skip
def test_what_is_not_spam_opens_no_incident_and_is_for_a_person(name: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        complaints_in(sample(name))
    assert refused.value.for_a_person


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reporter": None}, "'reporter' is a required property"),
        ({"source_identifier": 7}, "source_identifier: 7 is not of type 'string'"),
        ({"xarf_version": "5.0.0"}, "xarf_version: "),
        ({"category": ["messaging"]}, "not valid by the schema"),
        ({"smtp_from": "x" * 5_000_000}, "smtp_from: "),
    ],
)
def test_what_breaks_the_schema_is_refused_with_what_was_wrong(
    fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(NotUnderstood, match=says) as refused:
        complaints_in(changed("xarf4-spam.json", **fields))
    assert not refused.value.for_a_person
    assert len(str(refused.value)) < 1_000


def test_a_source_that_is_no_address_leaves_it_to_a_person() -> None:
    assert (
        complaint_in(changed("xarf4-spam.json", source_identifier="shop.example")).address is None
    )


def test_a_moment_that_cannot_be_is_that_of_the_receipt() -> None:
    assert complaint_in(changed("xarf4-spam.json", timestamp="yesterday")).sent_at == NOW


def test_version_2_is_read_without_what_yaml_can_do() -> None:
    content = sample("xarf2-spam.eml")

    dated = content.replace(b"Date: Mon, 09 Mar 2026 11:58:40 +0000\nS", b"Date: 2026-99-99\nS")
    tagged = content.replace(b"Source: 192", b"Source: !!python/name:os.system 192")
    broken = content.replace(b"Category: abuse", b"Category: [abuse")

    assert complaint_in(dated).sent_at == NOW
    assert complaint_in(tagged).address == "192.0.2.7"
    with pytest.raises(NotUnderstood, match="not YAML") as refused:
        complaints_in(broken)
    assert refused.value.for_a_person


def test_a_bomb_of_yaml_aliases_stays_small() -> None:
    bomb = "\n".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 9)}]" for n in range(1, 200))
    content = sample("xarf2-spam.eml").replace(b"Category: abuse", f"k0: &k0 x\n{bomb}".encode())

    assert complaint_in(content).address == "192.0.2.7"


# --- MailChannels --------------------------------------------------------------------------------


def test_complaints_and_spam_that_was_dropped_are_what_mailchannels_complains_about() -> None:
    complained, dropped = complaints_in(sample("mailchannels.json"))

    assert complained.format == "mailchannels"
    assert complained.message_id == "<20260309115838.77@shop.example>"
    assert complained.domain == dropped.domain == "shop.example"
    assert (complained.address, complained.sender) == (None, None)
    assert complained.sent_at == SENT_AT
    assert "lopez" not in "".join(complained.headers)
    assert complained.fingerprint != dropped.fingerprint


def test_other_events_complain_about_nothing() -> None:
    assert complaints_in(sample("mailchannels-test.json")) == ()


@pytest.mark.parametrize(
    "events",
    [
        [{"customer_handle": "x", "event": "complained"}, {"event": "complained"}],
        [{"customer_handle": "x", "event": "complained"}, "event"],
        [{"customer_handle": "x", "event": 7}],
        [{"customer_handle": "x", "event": "complained"}] * 1_001,
    ],
)
def test_events_that_are_none_are_refused(events: list[object]) -> None:
    with pytest.raises(NotUnderstood) as refused:
        complaints_in(json.dumps(events).encode())
    assert not refused.value.for_a_person


@pytest.mark.parametrize("timestamp", [True, None, "soon", 10**300, -1, 1e400, [], 2**40])
def test_a_time_that_cannot_be_is_that_of_the_receipt(timestamp: object) -> None:
    event = {"customer_handle": "x", "event": "complained", "timestamp": timestamp}

    assert complaint_in(json.dumps([event]).encode()).sent_at == NOW


# --- Rspamd --------------------------------------------------------------------------------------


def test_what_rspamd_took_for_spam_on_a_relay_is_about_who_handed_it_in() -> None:
    complaint = complaint_in(sample("rspamd-relay.json"))

    assert (complaint.format, complaint.address, complaint.sent_at) == ("rspamd", "192.0.2.7", NOW)
    assert complaint.sender == "bounce@shop.example"
    assert complaint.fingerprint == complaint_in(sample("plain.json")).fingerprint
    assert "lopez" not in "".join(complaint.headers).lower()


def test_where_a_user_logged_in_from_is_no_address_of_ours() -> None:
    complaint = complaint_in(sample("rspamd-user.json"))

    assert complaint.address is None
    assert "X-Authenticated-Sender: offers@shop.example" in complaint.headers


def test_of_a_bounce_rspamd_names_the_signer_whose_signature_was_right() -> None:
    trace = {"name": "DKIM_TRACE", "options": ["forged.example:-", "shop.example:+"]}
    content = changed("rspamd-relay.json", **{"from": "", "symbols": [trace, {"name": "X"}, 7]})

    assert complaint_in(content).domain == "shop.example"
    assert complaint_in(changed("rspamd-relay.json", symbols=[trace])).sender is not None


@pytest.mark.parametrize("action", ["no action", "greylist", "soft reject"])
def test_what_rspamd_lets_pass_complains_about_nothing(action: str) -> None:
    assert complaints_in(changed("rspamd-relay.json", action=action)) == ()


@pytest.mark.parametrize("ip", ["unknown", "127.0.0.1", "fe80::1", 7, None])
def test_an_address_from_inside_is_none(ip: object) -> None:
    assert complaint_in(changed("rspamd-relay.json", ip=ip)).address is None


def test_rspamds_json_without_an_action_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="no action") as refused:
        complaints_in(changed("rspamd-relay.json", action="unknown"))
    assert not refused.value.for_a_person


# --- All of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b'{"xarf_version": ' + b"[" * 90_000,
        b'[{"customer_handle": "x", "event": ' + b'{"a":' * 90_000,
        b'{"action": "reject", "score": 1, "qid": ' + b"9" * 5_000 + b"}",
        b'{"action": "reject", "score": 1, "qid": "\xff"}',
        b'{"action": "reject", "score": 1, "qid": NaN',
        b'{"xarf_version": "4.2.0", "evidence": [' + b"[]," * 3_000_000,
    ],
)
def test_json_that_is_none_or_without_measure_is_refused(content: bytes) -> None:
    with pytest.raises(NotUnderstood) as refused:
        complaints_in(content)
    assert not refused.value.for_a_person


def test_half_of_a_surrogate_pair_is_not_kept() -> None:
    content = changed("rspamd-relay.json", subject="\ud800x", message_id="\udc00@x.example")

    complaint = complaint_in(content)

    assert "Subject: x" in complaint.headers
    assert complaint.message_id == "<@x.example>"
