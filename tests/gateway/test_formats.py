"""How reports are understood: ARF, plain JSON, and whatever else strangers send."""

import base64
import json
import quopri
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.intake.complaints import Complaint
from gateway.formats.fingerprint import fingerprint
from gateway.formats.port import NotUnderstood, understand
from workers.demo.arf import arf_report

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)

BY_REPORTER = "from mail.shop.example (mail.shop.example [192.0.2.7]) by mx.mailbox.example; {date}"


def spam(**fields: str) -> EmailMessage:
    """The offending message; `X_Mailer="..."` adds `X-Mailer`."""
    message = EmailMessage()
    message["From"] = "Bank <security@bank.example>"
    message["To"] = "Maria Lopez <m.lopez@mailbox.example>"
    message["Subject"] = "Your account"
    message["Message-ID"] = "<77@shop.example>"
    for name, value in fields.items():
        header = name.replace("_", "-")
        del message[header]
        message[header] = value
    message.set_content("Spam, spam, spam.")
    return message


def report(offending: EmailMessage | None = None, **options: object) -> bytes:
    given_ = {
        "mail_from": "bounce@shop.example",
        "recipient": "m.lopez@mailbox.example",
        "arrived": YESTERDAY,
        "source_ip": "192.0.2.7",
    } | options
    return arf_report(offending or spam(), **given_)  # type: ignore[arg-type]


def understood(content: bytes) -> Complaint:
    (complaint,) = understand(content, "message/rfc822", NOW)
    return complaint


def plain(**fields: object) -> bytes:
    given_ = {"address": "192.0.2.7", "sent_at": "2026-03-09T12:00:00+00:00"} | fields
    return json.dumps(given_).encode()


def without(content: bytes, field: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(field + b":"))


# --- ARF -----------------------------------------------------------------------------------------


def test_a_feedback_report_is_understood() -> None:
    complaint = understood(report(incidents=12))

    assert complaint.format == "arf"
    assert complaint.address == "192.0.2.7"
    assert complaint.sent_at == YESTERDAY
    assert complaint.sender == "bounce@shop.example"
    assert complaint.domain == "shop.example"
    assert complaint.message_id == "<77@shop.example>"
    assert complaint.volume == 12
    assert complaint.feedback_type == "abuse"


@pytest.mark.parametrize("label", ["application/json", "text/plain", "", "\x00"])
def test_the_format_is_found_by_the_content_whatever_the_label(label: str) -> None:
    (complaint,) = understand(report(), label, NOW)

    assert complaint.format == "arf"


def test_both_line_endings_are_read_alike() -> None:
    assert understood(report().replace(b"\r\n", b"\n")) == understood(report())


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("[192.0.2.7]", "192.0.2.7"),
        ("[IPv6:2001:db8::7]", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7 (mail.shop.example)", "192.0.2.7"),
        ("fe80::1%eth0", None),
        ("192.0.2.777", None),
    ],
)
def test_the_source_ip_comes_out_in_its_canonical_form(written: str, canonical: str | None) -> None:
    assert understood(report(source_ip=written)).address == canonical


def test_without_a_source_ip_the_topmost_received_tells_the_address() -> None:
    offending = spam(Received=BY_REPORTER.format(date="Mon, 9 Mar 2026 11:00:00 +0000"))

    assert understood(report(offending, source_ip=None)).address == "192.0.2.7"


@pytest.mark.parametrize(
    "received",
    [
        "from [203.0.113.9] (helo=shop.example) by mx.mailbox.example; date",
        "from x ([203.0.113.9]) (mail.shop.example [192.0.2.7]) by mx.mailbox.example; date",
        "from ([203.0.113.9])( (mail.shop.example [192.0.2.7]) by mx.mailbox.example; date",
        "from mx1 (mx1.mailbox.example [10.0.0.3]) by store.mailbox.example; date",
        "by mx.mailbox.example with LMTP; date",
        "from mail.shop.example 192.0.2.7",
    ],
)
def test_a_received_that_the_sender_can_forge_or_that_is_internal_gives_no_address(
    received: str,
) -> None:
    assert understood(report(spam(Received=received), source_ip=None)).address is None


def test_a_received_below_the_topmost_is_not_believed() -> None:
    two = b"with LMTP; date\r\nReceived: from a (b [203.0.113.9]) by c; date"
    content = report(spam(Received="by mx.mailbox.example with LMTP; date"), source_ip=None)

    assert understood(content.replace(b"with LMTP; date", two)).address is None


def test_the_domain_is_never_that_of_from() -> None:
    content = without(report(mail_from=""), b"Original-Mail-From")

    assert understood(content).domain is None


def test_a_bounce_is_named_by_its_signature() -> None:
    offending = spam(DKIM_Signature="v=1; a=rsa-sha256; bh=d=x; d=Shop.Example; s=k1; b=AAAA")

    complaint = understood(report(offending, mail_from=""))

    assert (complaint.sender, complaint.domain) == (None, "shop.example")


def test_the_reporter_chooses_between_envelope_and_signature_but_names_no_third() -> None:
    content = report(spam(DKIM_Signature="v=1; d=brand.example; s=k1; b=AAAA"))
    naming = b"Reported-Domain: bank.example\r\nReported-Domain: brand.example\r\nVersion: 1"

    assert understood(content).domain == "shop.example"
    assert understood(content.replace(b"Version: 1", naming)).domain == "brand.example"
    assert understood(content.replace(b"Version: 1", naming[:31] + b"Version: 1")).domain == (
        "shop.example"
    )


def test_return_path_stands_in_for_a_missing_envelope_sender() -> None:
    offending = spam(Return_Path="<bounce@tienda.example>")
    content = without(report(offending), b"Original-Mail-From")

    assert understood(content).sender == "bounce@tienda.example"


@pytest.mark.parametrize(
    ("written", "volume"),
    [("0", 1), ("-4", 1), ("many", 1), ("99999999999", 1_000_000), ("9" * 5000, 1), ("7 (x)", 7)],
)
def test_an_impossible_number_of_incidents_is_brought_within_bounds(
    written: str, volume: int
) -> None:
    content = report().replace(b"Incidents: 1", b"Incidents: " + written.encode())

    assert understood(content).volume == volume


@pytest.mark.parametrize("kind", ["not-spam", "Auth-Failure"])
def test_feedback_that_is_no_complaint_complains_about_nothing(kind: str) -> None:
    assert understand(report(feedback_type=kind), "message/rfc822", NOW) == ()


def test_a_report_without_a_feedback_type_is_refused_with_what_was_expected() -> None:
    with pytest.raises(NotUnderstood, match="expected one, such as abuse"):
        understand(without(report(), b"Feedback-Type"), "message/rfc822", NOW)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_encoded_parts_are_read(encoding: str) -> None:
    head, _, rest = report().partition(b"Content-Type: message/feedback-report\r\n\r\n")
    fields, boundary, tail = rest.partition(b"\r\n--")
    encode = base64.encodebytes if encoding == "base64" else quopri.encodestring
    typed = f"Content-Type: message/feedback-report\r\nContent-Transfer-Encoding: {encoding}"

    complaint = understood(head + typed.encode() + b"\r\n\r\n" + encode(fields) + boundary + tail)

    assert complaint == understood(report())


# --- Dates ---------------------------------------------------------------------------------------


def test_a_date_in_the_future_is_brought_back_to_the_receipt() -> None:
    assert understood(report(arrived=NOW + timedelta(days=400))).sent_at == NOW


def test_a_late_report_of_old_spam_does_not_look_new() -> None:
    assert understood(report(arrived=NOW - timedelta(days=90))).sent_at == NOW - timedelta(days=90)


@pytest.mark.parametrize(
    "written", ["Thu, 01 Jan 1970 00:00:00 +0000", "soon", "", "Mon, 99 Mar 2026 00:00:00 +9999"]
)
def test_no_date_or_one_of_a_clock_never_set_is_that_of_the_receipt(written: str) -> None:
    lines = without(report(), b"Arrival-Date")
    content = lines.replace(b"Version: 1", b"Version: 1\r\nArrival-Date: " + written.encode())

    assert understood(content).sent_at == NOW


def test_without_an_arrival_date_the_reporters_own_received_tells_it() -> None:
    offending = spam(Received=BY_REPORTER.format(date="Mon, 9 Mar 2026 13:00:00 +0200"))

    complaint = understood(without(report(offending), b"Arrival-Date"))

    assert complaint.sent_at == datetime(2026, 3, 9, 11, 0, tzinfo=UTC)


def test_the_senders_own_date_is_not_believed() -> None:
    offending = spam(Date="Mon, 2 Mar 2026 10:00:00 +0000")

    assert understood(without(report(offending), b"Arrival-Date")).sent_at == NOW


# --- What may be shown ---------------------------------------------------------------------------


def shown(offending: EmailMessage, **options: object) -> str:
    return "\n".join(understood(report(offending, **options)).headers)


def test_the_sample_shows_what_finds_the_script() -> None:
    headers = understood(report(spam(X_PHP_Originating_Script="1001:mailer.php"))).headers

    assert "X-PHP-Originating-Script: 1001:mailer.php" in headers
    assert "From: Bank <security@bank.example>" in headers
    assert "To: redacted@mailbox.example" in headers


@pytest.mark.parametrize(
    "fields",
    [
        {"Subject": "m.lopez@mailbox.example, read this"},
        {"Subject": "Hola María López"},
        {"Subject": "=?utf-8?b?SG9sYSBNYXLDrWEgTMOzcGV6?="},
        {"Subject": "Dear M.LOPEZ"},
        {"Return_Path": "<b+m.lopez=mailbox.example@shop.example>"},
        {"Message_ID": "<1.m.lopez@shop.example>"},
        {"From": "m.lopez@mailbox.example"},
        {"Received": "from a (a [192.0.2.7]) by mx.mailbox.example for <m.lopez@x.example>; d"},
        {"To": "friends: Maria Lopez <m.lopez@mailbox.example>, other@x.example;"},
        {"Delivered_To": "maria@inner.example", "Subject": "Maria Lopez"},
    ],
)
def test_a_recipient_is_redacted_wherever_they_stand(fields: dict[str, str]) -> None:
    text = shown(spam(**fields)).lower()

    assert "redacted" in text
    assert not any(name in text for name in ("lopez", "lópez", "maria", "maría"))


def test_a_short_local_part_is_redacted_as_a_word_and_not_within_words() -> None:
    text = shown(spam(To="jo@x.example", Subject="Jo, join us"), recipient="jo@x.example")

    assert "Subject: redacted, join us" in text


def test_the_one_who_complained_is_redacted_among_hundreds_of_recipients() -> None:
    crowd = ", ".join(f"u{n}@mailbox.example" for n in range(300))

    assert "jo" not in shown(spam(To=crowd, Subject="jo"), recipient="jo@mailbox.example")


# --- Plain JSON ----------------------------------------------------------------------------------


def test_plain_json_is_understood() -> None:
    complaint = understood(
        plain(domain="Tienda.EXAMPLE", sender="a@shop.example", volume=40, message_id="<1@x>")
    )

    assert complaint == Complaint(
        format="plain_json", address="192.0.2.7", sent_at=YESTERDAY, domain="tienda.example",
        sender="a@shop.example", volume=40, message_id="<1@x>",
        fingerprint=fingerprint(message_id="<1@x>", sender="a@shop.example"),
    )  # fmt: skip


def test_plain_json_takes_the_domain_from_the_sender() -> None:
    assert understood(plain(sender="a@Shop.example")).domain == "shop.example"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"address": None}, "address: .* is not text"),
        ({"address": "192.0.2.0/24"}, "is not an IPv4 or IPv6 address"),
        ({"sent_at": "2026-03-09T12:00:00"}, "sent_at: .*has no offset"),
        ({"volume": 0}, "volume: 0 is not from 1"),
        ({"volume": True}, "volume: .*is not a whole number"),
        ({"domain": "shop"}, "is not a domain"),
        ({"sender": "nobody"}, "is not a mail address"),
        ({"sender": "a\x00@x.example"}, "sender: .*NUL"),
        ({"message_id": "a\nb"}, "message_id: expected 1 to 998 printable"),
        ({"colour": "red"}, "there is no .*field.*colour|colour: there is no"),
    ],
)
def test_plain_json_is_read_strictly(fields: dict[str, object], says: str) -> None:
    with pytest.raises(NotUnderstood, match=says):
        understand(plain(**fields), "application/json", NOW)


def test_a_field_given_twice_is_refused() -> None:
    content = plain()[:-1] + b', "address": "203.0.113.9"}'

    with pytest.raises(NotUnderstood, match="given twice"):
        understand(content, "application/json", NOW)


# --- Strangers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"Hello", b"From: a@b.example\r\n\r\nHi"])
def test_what_has_no_known_format_is_refused_with_what_was_expected(content: bytes) -> None:
    with pytest.raises(NotUnderstood, match=r"expected arf: .*plain_json: "):
        understand(content, "text/plain", NOW)


def test_more_than_the_largest_report_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="expected at most"):
        understand(b"x" * (32 * 1024 * 1024 + 1), "text/plain", NOW)


def test_deep_nesting_is_not_followed() -> None:
    level = b"Content-Type: multipart/mixed; boundary=n%d\r\n\r\n--n%d\r\n"
    nested = b"".join(level % (n, n) for n in range(20_000))
    start, _, _ = report().partition(b"Content-Type: message/rfc822")

    complaint = understood(start + b"Content-Type: message/rfc822\r\n\r\n" + nested)

    assert complaint.address == "192.0.2.7"
    with pytest.raises(NotUnderstood, match="nested too deeply"):
        understand(b'{"address":' + b"[" * 16_000, "application/json", NOW)


ODD = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([
        b"\x00", b"\r", b"\n", b"\r\n\r\n", b"--", b":", b"=?", b"?=", b"=?idna?q?=FF?=", b"\xff",
        b"=?utf-8?b?=?=", b"=?unicode_escape?q?=5Cq?=", b"=?\x00?q?a?=", b"@", b"<>", b"(", b";",
        b"boundary*0*=x'", b'boundary="', b"Content-Transfer-Encoding: base64\r\n", b"\\ud800",
        b"\xe2\x80\xae", b"Date: Mon, 1 Jan 0001 00:00:00 +2359", b"9999-12-31T23:59:59-23:59",
    ]),
)  # fmt: skip
WHOLE = st.sampled_from(
    [
        report(),
        report(spam(Received=BY_REPORTER.format(date="Mon, 9 Mar 2026 11:00:00")), source_ip=None),
        plain(domain="shop.example", sender="a@shop.example", volume=2, message_id="<1@x>"),
    ]
)


@given(content=WHOLE, cuts=st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 60), ODD)))
def test_whatever_comes_is_understood_or_not_understood(
    content: bytes, cuts: list[tuple[int, int, bytes]]
) -> None:
    for at, length, odd in cuts:
        where = at % (len(content) + 1)
        content = content[:where] + odd + content[where + length :]

    try:
        complaints = understand(content, "message/rfc822", NOW)
    except NotUnderstood as error:
        str(error).encode()
        return

    for complaint in complaints:
        assert complaint.sent_at <= NOW
        texts = (complaint.sender, complaint.message_id, complaint.domain, *complaint.headers)
        for text in texts:
            # What PostgreSQL and a letter can hold.
            assert text is None or text.isprintable()
