"""The settings of the process that takes mail."""

import socket
from pathlib import Path

import pytest

from tests.workers.command import Plazo
from workers.mailbox import MailboxSettings
from workers.settings.reading import BadSettings

BOOK = {"PLAZO_DATABASE_URL": "postgresql://plazo:pa55word@127.0.0.1/plazo"}
IMAP = {"PLAZO_IMAP_URL": "imaps://abuse@mail.example", "PLAZO_IMAP_PASSWORD": "the-imap-password"}


def problems(**given: str) -> list[str]:
    with pytest.raises(BadSettings) as refused:
        MailboxSettings.read({**BOOK, **given})
    return str(refused.value).splitlines()


def test_the_book_of_record_is_enough() -> None:
    settings = MailboxSettings.read(BOOK)
    assert settings.listen == "127.0.0.1:8024"
    assert settings.addresses == (f"abuse@{socket.getfqdn()}",)
    assert settings.imap is None
    with pytest.raises(BadSettings, match="PLAZO_DATABASE_URL is not set"):
        MailboxSettings.read({})


def test_mail_is_taken_for_where_answers_to_letters_go_unless_told_otherwise() -> None:
    given = {**BOOK, "PLAZO_REPLY_TO": "desk@provider.example", "PLAZO_ABUSE_ADDRESSES": " "}
    assert MailboxSettings.read(given).addresses == ("desk@provider.example",)
    given["PLAZO_ABUSE_ADDRESSES"] = "abuse@provider.example, fbl@provider.example"
    assert MailboxSettings.read(given).addresses == (
        "abuse@provider.example",
        "fbl@provider.example",
    )


@pytest.mark.parametrize(
    ("name", "given", "what_to_write"),
    [
        ("PLAZO_METRICS_LISTEN", "9100", "HOST:PORT"),
        ("PLAZO_LMTP_LISTEN", "8024", "HOST:PORT"),
        ("PLAZO_ABUSE_ADDRESSES", "abuse@provider.example, fbl", "mail address"),
        ("PLAZO_IMAP_URL", "mail.example", "imaps://USER@HOST/FOLDER"),
        ("PLAZO_IMAP_URL", "imaps://abuse:pa55word@mail.example", "PLAZO_IMAP_PASSWORD"),
    ],
)
def test_each_problem_names_the_variable_and_what_to_write(
    name: str, given: str, what_to_write: str
) -> None:
    [told] = problems(**{name: given})
    assert told.startswith(f"{name}: ")
    assert what_to_write in told
    assert "pa55word" not in told


def test_a_mailbox_needs_its_password_and_another_folder_for_what_was_taken() -> None:
    [told] = problems(PLAZO_IMAP_URL="imaps://abuse@mail.example")
    assert told.startswith("PLAZO_IMAP_PASSWORD is not set")
    [told] = problems(**IMAP, PLAZO_IMAP_TAKEN="INBOX")
    assert told.startswith("PLAZO_IMAP_TAKEN: ")


def test_no_secret_is_in_what_is_printed() -> None:
    settings = MailboxSettings.read({**BOOK, **IMAP})
    assert settings.imap is not None
    assert "pa55word" not in repr(settings)
    assert "the-imap-password" not in repr(settings)


@pytest.mark.real
async def test_an_address_that_is_taken_is_refused(tmp_path: Path, dsn: str) -> None:
    plazo = Plazo(home=tmp_path / "home", env={})
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        env = {"PLAZO_DATABASE_URL": dsn, "PLAZO_LMTP_LISTEN": listen}
        said = await plazo("mailbox", env=env)
    assert said.code == 1
    assert "PLAZO_LMTP_LISTEN" in said.err
    assert listen in said.err


@pytest.mark.real
async def test_a_metrics_address_that_is_taken_is_refused(tmp_path: Path, dsn: str) -> None:
    plazo = Plazo(home=tmp_path / "home", env={})
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        env = {"PLAZO_DATABASE_URL": dsn, "PLAZO_METRICS_LISTEN": listen}
        said = await plazo("mailbox", env=env)
    assert said.code == 1
    assert f"metrics cannot be served on {listen}" in said.err
