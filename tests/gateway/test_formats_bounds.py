"""Reports without measure, and with tricks: bounded, and believed no more than others."""

import base64

import pytest

from gateway.formats.fingerprint import fingerprint
from gateway.formats.headers import LARGEST_BLOCK, split
from gateway.formats.parts import taken_apart, unbase64
from gateway.formats.port import NotUnderstood, is_mail
from tests.gateway.corpus import complaint_in, complaints_in, sample

BOUNDARY = b"--part-1-of-report\n"


def with_parts(*parts: bytes) -> bytes:
    head = b"From: a@b.example\nSubject: x\nContent-Type: multipart/mixed; boundary=B\n\n"
    return head + b"".join(b"--B\n" + part + b"\n" for part in parts) + b"--B--\n"


# --- Parts ---------------------------------------------------------------------------------------


def test_parts_are_cut_at_their_own_boundary_only() -> None:
    content = with_parts(b"\none", b"\n--BB\ntwo", b"X: --B\n\nthree --B\n--B x")

    assert [part.body for part in taken_apart(content)[1]] == [
        b"one\n", b"--BB\ntwo\n", b"three --B\n--B x\n",
    ]  # fmt: skip


def test_ten_thousand_parts_beside_each_other_are_not_looked_at() -> None:
    spam = b"Content-Type: message/rfc822\n\n" + sample("spam.eml")

    with pytest.raises(NotUnderstood) as refused:
        complaints_in(with_parts(*[b"\nx"] * 10_000, spam))
    assert refused.value.for_a_person


@pytest.mark.parametrize("name", ["arf-abuse.eml", "jmrp-attached.eml", "forwarded.eml"])
def test_ten_thousand_parts_inside_the_message_change_nothing(name: str) -> None:
    level = b"Content-Type: multipart/mixed; boundary=n%d\n\n--n%d\n"
    nested = b"".join(level % (n, n) for n in range(10_000))
    content = sample(name)

    assert complaint_in(content.replace(b"Buy a watch", nested)) == complaint_in(content)


def test_a_second_report_inside_the_spam_is_not_believed() -> None:
    second = BOUNDARY + b"Content-Type: message/feedback-report\n\nSource-IP: 203.0.113.66\n\n"
    content = sample("arf-abuse.eml").replace(b"Buy a watch", second)

    assert complaint_in(content).address == "192.0.2.7"


def test_base64_is_read_wherever_it_was_cut_off() -> None:
    text = base64.b64encode(b"Received: x")

    for length in range(len(text) + 1):
        assert b"Received: x".startswith(unbase64(text[:length]))
    assert unbase64(text) == b"Received: x"


# --- Headers -------------------------------------------------------------------------------------


def test_a_header_without_end_is_read_as_far_as_headers_go() -> None:
    content = b"From: a@b.example\nSubject: x\n" + b"X-Padding: x\n" * 200_000

    fields, body = split(content)

    assert len(fields.items) == 1_000
    assert body == b""
    assert is_mail(content)


def test_fields_beyond_the_largest_header_are_not_read() -> None:
    content = b"X-Padding: " + b"x" * LARGEST_BLOCK + b"\nFrom: a@b.example\nSubject: x\n\n"

    assert not is_mail(content)


@pytest.mark.parametrize(
    "content", [b"", b"Subject: x\n\n", b'{"from": "x"}', b"From: a@b.example\n\nHi", b"\x00" * 99]
)
def test_what_has_no_header_of_mail_is_none(content: bytes) -> None:
    assert not is_mail(content)


@pytest.mark.parametrize(
    "odd", [b"\x00", b"\xff\xfe", b"=?unicode_escape?q?=5Cq?=", b"\xe2\x80\xae"]
)
def test_bytes_that_cannot_be_shown_or_kept_are_not(odd: bytes) -> None:
    content = sample("arf-abuse.eml").replace(b"Great", odd).replace(b"115838.77", b"1" + odd)

    complaint = complaint_in(content)

    assert complaint.address == "192.0.2.7"
    for text in (complaint.message_id, *complaint.headers):
        assert text is None or text.isprintable()


# --- Fingerprints --------------------------------------------------------------------------------


def test_a_fingerprint_is_of_the_first_thing_that_tells_the_message() -> None:
    known = [
        fingerprint(message_id="<1@x.example>", sender="a@x.example", feedback_id="f", body=b"b"),
        fingerprint(message_id="<1@x.example>", sender=None, feedback_id="f", body=b"b"),
        fingerprint(message_id=None, sender="a@x.example", feedback_id="f", body=b"b"),
        fingerprint(message_id=None, sender="a@x.example", body=b"b"),
        fingerprint(message_id=None, sender="a@x.example", body=b" \n"),
    ]

    assert len(set(known)) == 5
    assert known[-1] is None
    assert all(len(each) == 64 for each in known if each is not None)


def test_what_changes_on_the_way_does_not_change_a_fingerprint() -> None:
    def of(message_id: str | None, sender: str | None, body: bytes = b"") -> str | None:
        return fingerprint(message_id=message_id, sender=sender, body=body)

    assert of("<1@X.example>", "a@x.example") == of("1@x.example", "a@X.example")
    assert of("<a1@x.example>", None) != of("<A1@x.example>", None)
    assert of(None, None, b"Buy a watch.\r\n") == of(None, None, b"Buy\n a watch.")
