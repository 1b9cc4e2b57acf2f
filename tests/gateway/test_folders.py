"""Reports in files: found in mboxes, Maildirs and directories, one after the other."""

import io
import mailbox
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.port import LARGEST
from gateway.mail import folders
from gateway.mail.folders import Found

FROM = b"From fbl@far.example Tue Nov 24 10:00:00 2026\n"


def found(file: Path) -> dict[str, bytes | str]:
    """What is in a file: contents, or why it is unreadable, by name below its folder."""
    return {
        each.name.removeprefix(f"{file.parent}/"): each.unreadable or each.content
        for each in folders.reports(file)
    }


def written(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_a_file_is_one_report(tmp_path: Path) -> None:
    for content in (b'{"address": "192.0.2.7"}', b"Subject: x\n\nFrom here on it is text\n", b""):
        assert found(written(tmp_path, "report", content)) == {"report": content}


def test_an_mbox_is_found_by_its_content_and_each_message_is_as_it_stands(tmp_path: Path) -> None:
    first = b"Subject: 1\n\nHello.\n>From the past\n"
    second = b"Subject: 2\r\n\r\nFrom here on, no line is a separator.\r\n\r\nFrom me to you.\r\n"
    file = written(tmp_path, "box", FROM + first + b"\n" + FROM + second + b"\r\n" + FROM)
    assert found(file) == {"box: 1": first, "box: 2": second, "box: 3": b""}


def test_what_the_standard_library_writes_is_read(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box")
    contents = [f"Subject: {n}\n\nText {n}\n\n\nand more\n".encode() for n in range(5)]
    for content in contents:
        box.add(content)
    box.close()
    assert list(found(tmp_path / "box").values()) == contents


_bodies = st.lists(
    st.lists(st.sampled_from([b"\n", b"text\n", b"\r\n", FROM[:4] + b"\n", b"x" * 70_000 + b"\n"]))
    .map(b"".join)
    .map(lambda text: b"Subject: x\n\n" + text + b"end\n"),
    min_size=1,
    max_size=4,
)


@given(_bodies)
def test_whatever_is_in_the_messages_they_come_apart(bodies: list[bytes]) -> None:
    stream = io.BytesIO(b"".join(FROM + body + b"\n" for body in bodies))
    assert [each.content for each in folders._mbox("box", stream)] == bodies


def test_a_message_that_is_too_large_is_named_and_the_next_is_read(tmp_path: Path) -> None:
    large = b"Subject: 1\n\n" + b"x" * (LARGEST + 10) + b"\n"
    file = written(tmp_path, "box", FROM + large + b"\n" + FROM + b"Subject: 2\n\n")
    got = found(file)
    assert got == {"box: 1": f"has more than {LARGEST} bytes", "box: 2": b"Subject: 2\n"}
    assert found(written(tmp_path, "alone", large)) == {"alone": f"has more than {LARGEST} bytes"}


def test_all_of_a_file_is_accounted_for(tmp_path: Path) -> None:
    for content in (FROM + b"Subject: 1\n\n\n" + FROM + b"x\n", b"{}"):
        file = written(tmp_path, "file", content)
        assert sum(each.read for each in folders.reports(file)) == len(content)
        assert folders.total([file]) == len(content)


def test_of_a_maildir_delivered_messages_count(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "Maildir")
    box.add(b"Subject: new\n\n")
    seen = mailbox.MaildirMessage(b"Subject: seen\n\n")
    seen.set_subdir("cur")
    box.add(seen)
    box.add_folder("Junk").add(b"Subject: junk\n\n")
    written(tmp_path, "Maildir/tmp/half", b"Subject: half")
    written(tmp_path, "Maildir/dovecot-uidlist", b"3 V1")
    contents = [
        each.content for file in folders.files([tmp_path]) for each in folders.reports(file)
    ]
    assert sorted(contents) == [b"Subject: junk\n\n", b"Subject: new\n\n", b"Subject: seen\n\n"]


def test_a_tree_is_read_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b/2", "a/1", "a/.hidden", ".git/config", "c"):
        written(tmp_path, name, b"{}")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "c")
    names = [str(file.relative_to(tmp_path)) for file in folders.files([tmp_path])]
    assert names == ["a/1", "b/2", "c", "link"]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    [file] = folders.files([tmp_path])
    assert found(file) == {"broken": "cannot be read: No such file or directory"}
    assert folders.total([file]) == 0


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.TextIOWrapper]:
    with io.TextIOWrapper(io.BufferedReader(io.BytesIO(FROM + b"x\n\n" + FROM + b"y\n"))) as text:
        monkeypatch.setattr(sys, "stdin", text)
        yield text


def test_an_mbox_may_come_through_a_pipe(piped: io.TextIOWrapper) -> None:
    assert [(each.name, each.content) for each in folders.reports(Path("-"))] == [
        ("-: 1", b"x\n"),
        ("-: 2", b"y\n"),
    ]
    assert isinstance(next(folders.reports(Path("-"))), Found)
