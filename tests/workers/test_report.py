"""`plazo report`: from files, mboxes and directories, with what is refused by name."""

import asyncio
import json
import os
import pty
from pathlib import Path

import pytest
from asyncpg import Pool

from book.clientele import clients
from tests.book.provider import INCIDENT, a_clientele
from tests.gateway.test_arrival import BOUNCE, QUESTION, a_complaint
from tests.gateway.test_folders import FROM, written
from tests.workers.command import Plazo

pytestmark = pytest.mark.real

NONSENSE = b"\x00\x01"
NOBODYS = "198.51.100.9"


@pytest.fixture
async def plazo(tmp_path: Path, dsn: str, database: Pool) -> Plazo:
    await clients.keep(database, a_clientele())
    return Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})


async def test_a_file_prints_its_incident_and_is_the_same_report_again(
    plazo: Plazo, tmp_path: Path, database: Pool
) -> None:
    file = written(tmp_path, "spam.eml", a_complaint())
    for _ in range(2):
        said = await plazo("report", str(file))
        assert (said.code, said.out, said.err) == (0, f"{INCIDENT}\n", "")
    assert await database.fetchval("SELECT count(*) FROM reports") == 1


async def test_everything_below_a_directory_goes_in_but_what_is_refused_is_named(
    plazo: Plazo, tmp_path: Path, database: Pool
) -> None:
    top = tmp_path / "reports"
    written(top, "1.eml", a_complaint())
    written(top, "2.json", b"{}")
    written(
        top,
        "3/box",
        FROM + QUESTION + b"\n" + FROM + NONSENSE + b"\n\n" + FROM + a_complaint(NOBODYS),
    )
    written(top, "4.eml", BOUNCE)
    written(top, "5", NONSENSE)
    (top / "6").symlink_to("nowhere")
    for _ in range(2):
        said = await plazo("report", str(top), "nowhere.eml")
        assert (said.code, said.out) == (1, f"{INCIDENT}\n")
        lines = said.err.splitlines()
        refused = [line for line in lines if line.startswith("plazo: ")]
        names = ("2.json: ", "3/box: 2: ", "5: ", "6 cannot be read: No such file")
        for line, name in zip(refused, (*(f"{top}/{name}" for name in names), "nowhere.eml cannot"),
                              strict=True):  # fmt: skip
            assert line.startswith(f"plazo: {name}")
        kept = [line for line in lines if "kept for a person: " in line]
        assert [line.partition(": kept")[0] for line in kept] == [
            f"{top}/3/box: 1", f"{top}/3/box: 3", f"{top}/4.eml",
        ]  # fmt: skip
        assert "a delivery status notification" in kept[2]
        assert lines[-1] == "9 reports: 4 on record, 1 incidents, 3 for a person, 5 refused"
    assert await database.fetchval("SELECT count(*) FROM reports") == 4
    assert await database.fetchval("SELECT count(*) FROM reports WHERE format = 'unread'") == 2


async def test_a_program_gets_one_document(plazo: Plazo, tmp_path: Path) -> None:
    box = written(tmp_path, "box", FROM + a_complaint() + b"\n" + FROM + a_complaint(NOBODYS))
    bad = written(tmp_path, "bad", NONSENSE)
    said = await plazo("report", "--json", str(box), str(bad))
    assert said.code == 1
    document = json.loads(said.out)
    assert document["incidents"] == [INCIDENT]
    assert len(document["reports"]) == 2
    assert len(document["unplaced"]) == 1
    [refused] = document["refused"]
    assert refused["path"] == str(bad)
    assert "no known format" in refused["why"]


async def test_many_are_written_together_and_all_are_there(
    plazo: Plazo, tmp_path: Path, database: Pool
) -> None:
    one = a_complaint()
    messages = [one.replace(b"Offer", f"Offer {n}".encode()) for n in range(1_500)]
    box = written(tmp_path, "box", b"\n".join(FROM + message for message in messages))
    said = await plazo("report", str(box))
    assert (said.code, said.out) == (0, f"{INCIDENT}\n")
    assert said.err.splitlines() == [
        "1000 reports",
        "1500 reports: 1500 on record, 1 incidents, 0 for a person, 0 refused",
    ]
    assert await database.fetchval("SELECT count(*) FROM reports") == 1_500


async def test_what_comes_through_a_pipe_is_read_as_well(plazo: Plazo) -> None:
    said = await plazo("report", "-", given=FROM + a_complaint())
    assert (said.code, said.out) == (0, f"{INCIDENT}\n")


async def test_a_terminal_shows_how_far_it_is(plazo: Plazo, tmp_path: Path) -> None:
    box = written(tmp_path, "box", (FROM + a_complaint() + b"\n") * 3)
    ours, theirs = pty.openpty()
    process = await plazo._start(("report", str(box)), {"TERM": "xterm"}, stderr=theirs)
    os.close(theirs)
    out, _ = await process.communicate()
    shown = await asyncio.to_thread(everything, ours)
    assert (process.returncode, out.decode()) == (0, f"{INCIDENT}\n")
    assert "100 %" in shown
    assert "box: 3" in shown
    assert "3 reports: 3 on record" in shown


def everything(terminal: int) -> str:
    said = b""
    try:
        while piece := os.read(terminal, 65_536):
            said += piece
    except OSError:  # how Linux says that nobody writes any more
        pass
    finally:
        os.close(terminal)
    return said.decode()


async def test_without_a_book_of_record_nothing_goes_in(tmp_path: Path) -> None:
    plazo = Plazo(home=tmp_path / "home", env={})
    said = await plazo("report", str(written(tmp_path, "spam.eml", a_complaint())))
    assert said.code == 1
    assert "PLAZO_DATABASE_URL is not set" in said.err
