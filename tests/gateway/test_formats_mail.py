"""Reports that come as mail: feedback loops, JMRP, SpamCop, and spam that somebody forwards."""

import pytest

from gateway.formats.forwarded import the_spam_itself
from gateway.formats.headers import Fields
from gateway.formats.port import NotUnderstood, is_mail
from gateway.formats.received import handed_over
from tests.gateway.corpus import NOW, SENT_AT, complaint_in, complaints_in, sample

ABOUT_OURS = [
    "arf-abuse.eml", "arf-yahoo-style.eml", "arf-aol-style.eml", "arf-multipart-mixed.eml",
    "arf-jmrp.eml", "arf-cut-off.eml", "arf-auth-failure-spam.eml", "spamcop.eml",
    "spamcop-older.eml", "forwarded.eml", "xarf2-spam.eml", "xarf3-mail.eml", "xarf4-mail.eml",
]  # fmt: skip


@pytest.mark.parametrize("name", ABOUT_OURS)
def test_reports_of_one_message_agree_whatever_form_they_have(name: str) -> None:
    complaint = complaint_in(sample(name))

    assert complaint.address == "192.0.2.7"
    assert complaint.sent_at == SENT_AT
    assert complaint.domain == "shop.example"
    assert complaint.sender == "bounce@shop.example"
    assert complaint.message_id == "<20260309115838.77@shop.example>"
    assert complaint.fingerprint == complaint_in(sample("plain.json")).fingerprint


@pytest.mark.parametrize("name", [name for name in ABOUT_OURS if "aol" not in name])
def test_what_is_shown_finds_the_script_and_no_recipient(name: str) -> None:
    shown = "\n".join(complaint_in(sample(name)).headers)

    assert "X-PHP-Originating-Script: 1001:mailer.php" in shown
    assert not any(word in shown.lower() for word in ("lopez", "maria", "trap-17"))


# --- ARF as it really comes ----------------------------------------------------------------------


def test_headers_alone_are_enough() -> None:
    complaint = complaint_in(sample("arf-headers-only.eml"))

    assert (complaint.address, complaint.feedback_type) == ("2001:db8:7::25", "fraud")


@pytest.mark.parametrize("said", ["unknown", "10.0.0.3", "redacted", "192.0.2.777", ""])
def test_a_source_that_is_no_address_of_the_internet_is_looked_up_in_the_original(
    said: str,
) -> None:
    content = sample("arf-abuse.eml").replace(
        b"Source-IP: 192.0.2.7", f"Source-IP: {said}".encode()
    )

    assert complaint_in(content).address == "192.0.2.7"


def test_spamcops_arf_is_read_in_spite_of_its_line_endings_and_missing_address() -> None:
    report = b"Feedback-Type: abuse\r\r\nUser-Agent: SpamCop/5\r\r\nVersion: 0.1\r\r\n"
    head, _, rest = sample("arf-headers-only.eml").partition(b"Feedback-Type")
    original = rest.partition(b"--part-1")[2].replace(b"[192.0.2.7]", b"unknown")
    head = head.replace(
        b"From: Feedback Loop <fbl@mailbox.example>", b"From: <7@reports.spamcop.net>"
    )
    head = head.replace(b"Subject: FW", b"Subject: [SpamCop (192.0.2.9) id:7212345678]")

    assert complaint_in(head + report + b"\r\n--part-1" + original).address == "192.0.2.9"


@pytest.mark.parametrize("name", ["arf-not-spam.eml", "arf-auth-failure-policy.eml"])
def test_feedback_that_takes_nothing_for_spam_complains_about_nothing(name: str) -> None:
    assert complaints_in(sample(name)) == ()


def test_failed_authentication_of_what_the_receiver_took_for_spam_is_a_complaint() -> None:
    assert complaint_in(sample("arf-auth-failure-spam.eml")).feedback_type == "auth-failure"


def test_the_words_of_a_report_inside_spam_make_no_report_of_it() -> None:
    content = sample("forwarded.eml").replace(
        b"Buy a watch",
        b"Content-Type: message/feedback-report\n\nFeedback-Type: xarf\nX-XARF: PLAIN",
    )

    assert complaint_in(content).format == "forwarded"
    assert complaint_in(sample("arf-abuse.eml").replace(b"Buy", b"X-XARF: PLAIN")).format == "arf"


# --- JMRP ----------------------------------------------------------------------------------------


def test_jmrps_attachment_is_about_the_address_in_the_subject() -> None:
    content = sample("jmrp-attached.eml")

    complaint = complaint_in(content)
    elsewhere = complaint_in(content.replace(b"message from 192.0.2.7", b"message from 192.0.2.99"))

    assert (complaint.format, complaint.address) == ("jmrp", "192.0.2.7")
    assert complaint.sent_at == SENT_AT
    assert elsewhere.address == "192.0.2.99"
    assert "lopez" not in "".join(complaint.headers)


def test_without_it_outlooks_border_tells_and_never_a_field_of_the_senders() -> None:
    content = sample("jmrp-attached.eml").replace(b"complaint about message from 192.0.2.7", b"FW:")

    assert complaint_in(content).address == "192.0.2.7"


def test_jmrps_message_as_it_stands_is_followed_to_outlooks_border() -> None:
    complaint = complaint_in(sample("jmrp-as-it-stands.eml"))

    assert (complaint.format, complaint.address) == ("jmrp", "192.0.2.7")
    assert complaint.sender == "bounce@shop.example"


def test_jmrp_without_a_message_is_for_a_person() -> None:
    content = sample("jmrp-attached.eml").replace(b"message/rfc822", b"text/plain")

    with pytest.raises(NotUnderstood, match="no message is attached") as refused:
        complaints_in(content)
    assert refused.value.for_a_person


# --- SpamCop -------------------------------------------------------------------------------------


def test_spamcops_own_words_tell_the_address_where_its_subject_does_not() -> None:
    content = sample("spamcop.eml").replace(b"(192.0.2.7) id", b"( id")

    assert complaint_in(content).address == "192.0.2.7"


def test_spamcops_text_may_be_encoded() -> None:
    head, _, body = sample("spamcop.eml").partition(b"\n\n")
    head = head.replace(b"8bit", b"quoted-printable")

    assert complaint_in(head + b"\n\n" + body.replace(b"=", b"=3D")).sent_at == SENT_AT


def test_what_the_offending_message_says_is_not_spamcops_word() -> None:
    content = sample("spamcop.eml").replace(b"(192.0.2.7) id", b"( id")
    content = content.replace(b"Email from 192.0.2.7", b"Mail")
    content += b"Email from 203.0.113.66 / Mon, 9 Mar 2026 11:58:40 +0000\n"

    with pytest.raises(NotUnderstood, match="names no address"):
        complaints_in(content)


@pytest.mark.parametrize("name", ["spamcop-site.eml", "spamcop-summary.eml"])
def test_spamcops_other_reports_are_for_a_person(name: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        complaints_in(sample(name))
    assert refused.value.for_a_person


# --- Forwarded spam ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["forwarded.eml", "forwarded-gmail.eml", "forwarded-amavis-lmtp.eml"]
)
def test_forwarded_spam_is_followed_to_the_border_of_whoever_complains(name: str) -> None:
    complaint = complaint_in(sample(name))

    assert (complaint.format, complaint.address) == ("forwarded", "192.0.2.7")
    assert complaint.domain == "shop.example"


def test_where_the_border_is_unknown_the_complaint_has_no_address() -> None:
    complaint = complaint_in(sample("forwarded-unknown-border.eml"))

    assert (complaint.address, complaint.sent_at) == (None, NOW)


def test_two_messages_attached_are_two_complaints() -> None:
    content = sample("forwarded.eml")
    _, boundary, part = content.rpartition(b"--=_letter\n")
    part = part.replace(b"115838.77@", b"115838.99@")

    complaints = complaints_in(content.replace(b"--=_letter--", boundary + part))

    assert len({complaint.fingerprint for complaint in complaints}) == 2


@pytest.mark.parametrize(
    "name", ["letter.eml", "bounce.eml", "forwarded-without-header.eml", "spam.eml"]
)
def test_other_mail_is_for_a_person_and_never_about_whoever_wrote_it(name: str) -> None:
    assert is_mail(sample(name))
    with pytest.raises(NotUnderstood) as refused:
        complaints_in(sample(name))
    assert refused.value.for_a_person


def test_spam_that_is_handed_in_as_such_is_read() -> None:
    [complaint] = the_spam_itself(sample("spam.eml"), NOW)

    assert (complaint.address, complaint.sent_at) == ("192.0.2.7", SENT_AT)
    with pytest.raises(NotUnderstood, match="no Received line"):
        the_spam_itself(b"Subject: x\n\nx", NOW)


# --- The line that can be trusted ----------------------------------------------------------------

BORDER = "from mail.shop.example (mail.shop.example [192.0.2.7]) by mx.mailbox.example; date"


def border_of(*lines: str) -> str | None:
    return handed_over(Fields(items=tuple(("received", line) for line in lines)))[0]


@pytest.mark.parametrize(
    "inner",
    [
        "from mx.mailbox.example (mx.mailbox.example [10.0.0.3]) by store.mailbox.example; date",
        "from elsewhere (mx.mailbox.example [10.0.0.3]) by store.mailbox.example; date",
        "from mx.mailbox.example (mx.mailbox.example. [fd00::3]) by store.mailbox.example; date",
        "from mx.mailbox.example by mx.mailbox.example with LMTP id x; date",
        "from mx.mailbox.example by store.mailbox.example with UTF8LMTPS id x; date",
    ],
)
def test_a_line_from_inside_that_names_the_next_writer_is_passed_by(inner: str) -> None:
    assert border_of(inner, BORDER) == "192.0.2.7"
    assert border_of(inner) is None


@pytest.mark.parametrize(
    "inner",
    [
        "from mx1 (mx1.mailbox.example [10.0.0.3]) by store.mailbox.example; date",
        "from mx.mailbox.example by store.mailbox.example with ESMTP; date",
        "from mx.mailbox.example (helo) by store.mailbox.example; date",
        "from mx.mailbox.example (unknown [10.0.0.3]) by store.mailbox.example; date",
        "from mx.mailbox.example ([10.0.0.3]) by store.mailbox.example; date",
        "by store.mailbox.example with local; date",
        "by 2002:c000:207:: with SMTP id x; date",
        "from mx.mailbox.example by x with LMTP (unknown [203.0.113.9]) by store.mailbox.example",
        "from mx.mailbox.example (x [192.0.2.1]) ([192.0.2.2]) by store.mailbox.example; date",
    ],
)
def test_any_other_line_ends_the_trust(inner: str) -> None:
    assert border_of(inner, BORDER) is None


def test_the_first_address_from_outside_counts_and_none_below() -> None:
    forged = "from x (x [203.0.113.66]) by mail.shop.example; date"

    assert border_of(BORDER, forged) == "192.0.2.7"


def test_who_only_calls_itself_outlook_is_no_inner_hop_of_outlooks() -> None:
    posing = "from a.prod.outlook.com (192.0.2.7) by b.mail.protection.outlook.com (10.0.0.1); date"
    forged = "from x (x [203.0.113.66]) by a.prod.outlook.com; date"

    assert border_of(posing, forged) == "192.0.2.7"


def test_gmails_first_line_is_passed_by_only_to_gmails_border() -> None:
    first = "by 2002:a05:6000:1a8b:b0:38f:2b50:f0e1 with SMTP id f11; date"

    assert border_of(first, BORDER) is None
    assert border_of(first, BORDER.replace("mx.mailbox.example", "mx.google.com")) == "192.0.2.7"


def test_an_endless_chain_is_not_followed() -> None:
    loop = "from mx.mailbox.example (mx [10.0.0.3]) by mx.mailbox.example; date"

    assert border_of(*[loop] * 5_000, BORDER) is None
