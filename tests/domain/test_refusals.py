"""What large receivers say when they refuse an address, and what only sounds like it."""

# ruff: noqa: E501 - as the receivers write them

import pytest

from domain.detection.refusals import Receiver, refusal_in

REFUSALS = {
    "550 5.7.1 Unfortunately, messages from [192.0.2.7] weren't sent. Please contact your Internet"
    " service provider since part of their network is on our block list (S3150). You can also refer"
    " your provider to http://mail.live.com/mail/troubleshooting.aspx#errors."
    " [Name=Protocol Filter Agent][AGT=PFA][MxId=11B9CB3CBE70C55A]"
    " [DB3PEPF0000885D.eurprd02.prod.outlook.com 2024-10-07T11:48:34.472Z 08DCE59E609E592B]"
    " (in reply to MAIL FROM command)": (Receiver.MICROSOFT, "S3150", True),
    "451 4.7.650 The mail server [192.0.2.7] has been temporarily rate limited due to IP reputation."
    " For e-mail delivery information, see https://postmaster.live.com (S775)"
    " [Name=Protocol Filter Agent][AGT=PFA]": (Receiver.MICROSOFT, "S775", False),
    "451 4.7.650 The mail server [192.0.2.7] has been temporarily rate limited due to IP"
    " reputation.": (Receiver.MICROSOFT, "4.7.650", False),
    "421 RP-001 (SNT004-MC2F5) Unfortunately, some messages from 192.0.2.7 weren't sent. Please try"
    " again. We have limits for how many messages can be sent per hour and per day.": (
        Receiver.MICROSOFT, "RP-001", False,
    ),
    "550 SC-001 (BAY004-MC1F22) Unfortunately, messages from 192.0.2.7 weren't sent. Please contact"
    " your Internet service provider since part of their network is on our block list.": (
        Receiver.MICROSOFT, "SC-001", True,
    ),
    "550 5.7.606 Access denied, banned sending IP [192.0.2.7]. To request removal from this list"
    " please visit https://sender.office.com/ and follow the directions. (AS16012609)": (
        Receiver.EXCHANGE_ONLINE, "5.7.606", True,
    ),
    "550 5.7.511 Access denied, banned sender[192.0.2.7]. To request removal from this list please"
    " forward this message to delist@messaging.microsoft.com.": (
        Receiver.EXCHANGE_ONLINE, "5.7.511", True,
    ),
    "550-5.7.1 [192.0.2.7      18] Our system has detected that 550-5.7.1 this message is likely"
    " suspicious due to the very low reputation of 550-5.7.1 the sending IP address. To best protect"
    " our users from spam, the 550-5.7.1 message has been blocked. Please visit 550 5.7.1"
    "  https://support.google.com/mail/answer/188131 for more information. m11si2028744pgt.592"
    " - gsmtp (in reply to end of DATA command)": (Receiver.GOOGLE, "5.7.1", True),
    "421-4.7.0 [192.0.2.7      15] Our system has detected that this message is 421-4.7.0 suspicious"
    " due to the very low reputation of the sending IP address. 421-4.7.0 To protect our users from"
    " spam, mail sent from your IP address has 421-4.7.0 been temporarily rate limited. Please visit"
    " 421 4.7.0  https://support.google.com/mail/answer/188131 for more information.": (
        Receiver.GOOGLE, "4.7.0", False,
    ),
    "421-4.7.28 [192.0.2.7       4] Our system has detected an unusual rate of 421-4.7.28"
    " unsolicited mail originating from your IP address. To protect our 421-4.7.28 users from spam,"
    " mail sent from your IP address has been temporarily 421-4.7.28 rate limited.": (
        Receiver.GOOGLE, "4.7.28", False,
    ),
    "421 4.7.0 [TSS04] Messages from 192.0.2.7 temporarily deferred due to unexpected volume or user"
    " complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes": (
        Receiver.YAHOO, "TSS04", False,
    ),
    "421 4.7.1 [TS03] All messages from 192.0.2.7 will be permanently deferred; Retrying will NOT"
    " succeed. See https://postmaster.yahooinc.com/error-codes": (Receiver.YAHOO, "TS03", True),
    "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.7, because the ip is in"
    " Spamhaus's list; see https://postmaster.yahooinc.com/error-codes": (
        Receiver.YAHOO, "BL21", True,
    ),
}  # fmt: skip

OTHERS = [
    "250 2.0.0 OK 1732480000 m11si2028744pgt.592 - gsmtp",
    "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1"
    " double-checking the recipient's email address for typos or unnecessary spaces. - gsmtp",
    "452-4.2.2 The email account that you tried to reach is over quota. - gsmtp",
    "550-5.7.26 Unauthenticated email from shop.example is not accepted due to domain's 550-5.7.26"
    " DMARC policy. - gsmtp",
    "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",
    "550 5.4.1 Recipient address rejected: Access denied. [DB5EUR03FT048.eop-EUR03.prod.outlook.com]",
    "554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0]",
    "450 4.7.1 Greylisted, try again in 300 s",
    "554 5.7.1 Service unavailable; Client host [192.0.2.7] blocked using zen.spamhaus.org",
    "",
    "x" * 100_000,
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_says_who_by_which_code_and_whether_it_lasts(answer: str) -> None:
    refusal = refusal_in(answer)
    assert refusal is not None
    assert (refusal.receiver, refusal.code, refusal.lasting) == REFUSALS[answer]
    assert refusal.page.startswith("https://")
    assert refusal.meaning


@pytest.mark.parametrize("answer", REFUSALS)
def test_the_address_that_is_refused_is_the_senders(answer: str) -> None:
    postfix = f"host mx.far.example[198.51.100.7] said: {answer}"
    for line in (answer, postfix):
        refusal = refusal_in(line)
        assert refusal is not None
        assert refusal.address == "192.0.2.7"


@pytest.mark.parametrize("answer", OTHERS)
def test_what_says_nothing_of_the_address_is_no_refusal(answer: str) -> None:
    assert refusal_in(answer) is None


def test_an_ipv6_address_is_read() -> None:
    refusal = refusal_in(
        "550-5.7.1 [2001:db8::7 18] Our system has detected that this message is 550-5.7.1 likely"
        " suspicious due to the very low reputation of the sending IP address."
    )
    assert refusal is not None
    assert refusal.address == "2001:db8::7"
