"""What the headers of spam say of its cause, and what they do not."""

import pytest

from domain.letters.causes import Cause, Platform, likely_cause, platform_in

OWN = ("192.0.2.7/32", "2001:db8:7::/48")
BY_REPORTER = "Received: from mail.shop.example (mail.shop.example [192.0.2.7]) by mx.far.example with ESMTPS id 1; d"  # noqa: E501
LOGIN = "Received: from [203.0.113.9] (unknown [203.0.113.9]) (Authenticated sender: info@shop.example) by mail.shop.example (Postfix) with ESMTPSA id 2; d"  # noqa: E501
LOCAL_POSTFIX = "Received: by mail.shop.example (Postfix, from userid 33) id 3; d"
LOCAL_EXIM = "Received: from www-data by mail.shop.example with local (Exim 4.96) id 1abc; d"
STRANGER = "Received: from evil (unknown [198.51.100.66]) by mail.shop.example (Postfix) with ESMTP id 4; d"  # noqa: E501
BETWEEN = (
    "Received: from web (web.shop.example [2001:db8:7::1]) by mail.shop.example with ESMTP id 5; d"
)


@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        ((BY_REPORTER, LOGIN), Cause.LOGIN),
        ((BY_REPORTER, LOGIN.replace("ESMTPSA", "SMTP")), Cause.LOGIN),
        (
            (BY_REPORTER, LOGIN.replace("(Authenticated sender: info@shop.example) ", "")),
            Cause.LOGIN,
        ),
        (("X-Authenticated-Sender: mail.shop.example: info@shop.example",), Cause.LOGIN),
        (
            ("X-Get-Message-Sender-Via: mail.shop.example: authenticated_id: info@shop.example",),
            Cause.LOGIN,
        ),
        (("X-PHP-Originating-Script: 33:mailer.php",), Cause.SCRIPT),
        (("X-PHP-Script: shop.example/wp-content/uploads/x.php for 203.0.113.9",), Cause.SCRIPT),
        (("X-Source-Args: /usr/bin/php /home/shop/public_html/x.php", LOGIN), Cause.SCRIPT),
        ((BY_REPORTER, LOCAL_POSTFIX), Cause.SCRIPT),
        ((BY_REPORTER, LOCAL_EXIM), Cause.SCRIPT),
        ((BY_REPORTER, BETWEEN, LOCAL_EXIM), Cause.SCRIPT),
        (("X-PHP-Originating-Script: 33:contact-form.php",), Cause.FORM),
        (("X-PHP-Script: shop.example/contacto/enviar.php for 203.0.113.9",), Cause.FORM),
        (("X-PHP-Originating-Script: 33:wpcf7.php",), Cause.FORM),
        (("X-PHP-Originating-Script: 33:platform.php",), Cause.SCRIPT),
        ((BY_REPORTER, STRANGER), Cause.RELAY),
        ((LOCAL_POSTFIX,), Cause.SCRIPT),  # seen on the server itself, by its own filter
        ((), Cause.UNKNOWN),
        (("Subject: cheap watches",), Cause.UNKNOWN),
        (("X-Source: ", "X-Source-Args: "), Cause.UNKNOWN),
        ((BY_REPORTER,), Cause.UNKNOWN),
        # Who wrote the topmost is not known, so its sender is no proof of a relay.
        ((STRANGER,), Cause.UNKNOWN),
        # What stands below the line of our own server may be forged.
        ((BY_REPORTER, STRANGER, LOGIN), Cause.RELAY),
        (("Received: from x ([not-an-address]) by y with ESMTP; d", STRANGER), Cause.UNKNOWN),
    ],
)
def test_the_header_that_tells_is_found(headers: tuple[str, ...], cause: Cause) -> None:
    found = likely_cause([headers], OWN)
    assert found.cause is cause
    assert bool(found.because) is (cause is not Cause.UNKNOWN)
    assert not found.because or found.because in headers


def test_most_messages_decide_and_those_that_say_nothing_do_not_count() -> None:
    script = ("X-PHP-Originating-Script: 33:mailer.php",)
    login = (BY_REPORTER, LOGIN)
    silent = ("Subject: x",)
    assert likely_cause([script, login, login, *[silent] * 9], OWN).cause is Cause.LOGIN
    assert likely_cause([script, login], OWN).cause is Cause.SCRIPT
    assert likely_cause([], OWN).cause is Cause.UNKNOWN


def test_the_header_is_quoted_as_it_stands() -> None:
    line = "X-PHP-Originating-Script: 33:mailer.php"
    assert likely_cause([("Subject: x", line)], OWN).because == line


@pytest.mark.parametrize(
    ("headers", "platform"),
    [
        (("X-Get-Message-Sender-Via: a: authenticated_id: b",), Platform.CPANEL),
        (("X-Source-Dir: ",), Platform.CPANEL),
        (("X-PPP-Message-ID: <1>",), Platform.PLESK),
        ((LOCAL_EXIM,), None),
        ((), None),
    ],
)
def test_a_panel_gives_itself_away(headers: tuple[str, ...], platform: Platform | None) -> None:
    assert platform_in([headers]) is platform
