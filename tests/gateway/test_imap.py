"""The address of a mailbox, and what is wrong with one."""

import pytest

from gateway.formats.port import LARGEST
from gateway.mail.account import Account, BadImapUrl
from gateway.mail.box import Waiting
from gateway.mail.imap import _bounded


@pytest.mark.parametrize(
    ("url", "account"),
    [
        (
            "imaps://abuse@mail.provider.example/INBOX",
            Account(scheme="imaps", host="mail.provider.example", port=993, user="abuse"),
        ),
        (
            "imap://abuse%40provider.example@[::1]:1143",
            Account(scheme="imap", host="::1", port=1143, user="abuse@provider.example"),
        ),
        (
            "imaps://abuse%3Afbl@mail.example/Reports/F%C3%A9edback%20loops",
            Account(
                scheme="imaps", host="mail.example", port=993, user="abuse:fbl",
                folder="Reports/Féedback loops",
            ),
        ),
    ],
)  # fmt: skip
def test_a_mailbox_has_an_address(url: str, account: Account) -> None:
    assert Account.at(url) == account


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mail.example", "no scheme"),
        ("pop3://abuse@mail.example", "no scheme"),
        ("imaps://mail.example/INBOX", "no user"),
        ("imaps://abuse@/INBOX", "no host"),
        ("imaps://abuse@mail.example:x/", "no usable host or port"),
        ("imaps://abuse@mail.example:99999/", "no usable host or port"),
        ("imaps://abuse@[::1", "no usable host or port"),
        ("imaps://abuse:pa55word@mail.example", "PLAZO_IMAP_PASSWORD"),
        ("imaps://abuse:@mail.example", "PLAZO_IMAP_PASSWORD"),
        ("imaps://abuse:pa55word@mail.example:x", "no usable host or port"),
        ("imaps://abuse:pa55word@[mail.example", "no usable host or port"),
    ],
)
def test_an_address_that_cannot_be_used_says_why_and_shows_no_password(url: str, why: str) -> None:
    with pytest.raises(BadImapUrl) as refused:
        Account.at(url)
    assert why in str(refused.value)
    assert "imaps://USER@HOST/FOLDER" in str(refused.value)
    assert "pa55word" not in str(refused.value)


def test_as_many_messages_are_held_as_memory_is_meant_for() -> None:
    sizes = [10, LARGEST, LARGEST, 10, 40 * LARGEST, 1, 1]
    waiting = [Waiting(uid=str(n), size=size) for n, size in enumerate(sizes)]
    groups = [[int(each.uid) for each in few] for few in _bounded(waiting)]
    assert groups == [[0, 1], [2, 3], [4, 5, 6]]
    assert list(_bounded([])) == []
