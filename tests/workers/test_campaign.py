"""`plazo campaign`: what clients announced, on record with who said so and who wrote it down."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncpg import Pool

from tests.book.provider import a_provider
from tests.workers.command import Plazo, Said


@pytest.fixture
async def plazo(database: Pool, dsn: str, tmp_path: Path) -> Plazo:
    """The command line of a provider whose one service is vps-1, on mx1."""
    await a_provider(database)
    return Plazo(home=tmp_path / "home", env={"PLAZO_DATABASE_URL": dsn})


def at(hours: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")


async def announce(plazo: Plazo, *more: str, **other: str) -> Said:
    ordinary = {
        "from": at(-1), "until": at(4), "messages": "20000", "reason": "December newsletter",
        "by": "ana",
    }  # fmt: skip
    options = [f"--{name}={value}" for name, value in {**ordinary, **other}.items()]
    return await plazo("campaign", "announce", "vps-1", *options, *more)


async def test_a_campaign_is_announced_listed_and_withdrawn(plazo: Plazo) -> None:
    said = await announce(plazo, "--domain=Shop.Example", "--announced-by=Bea, by phone")
    assert (said.code, said.out, said.err) == (0, "1\n", "")
    [known] = json.loads((await plazo("campaign", "list", "--json")).out)
    assert {name: known[name] for name in ("service", "domain", "messages", "announced_by")} == {
        "service": "vps-1", "domain": "shop.example", "messages": 20_000,
        "announced_by": "Bea, by phone",
    }  # fmt: skip
    assert (known["recorded_by"], known["reason"]) == ("ana", "December newsletter")
    table = await plazo("campaign", "list", "--service=vps-1")
    assert "shop.example" in table.out
    assert "December newsletter" in table.out
    said = await plazo("campaign", "withdraw", "1", "--reason=called off", "--by=ana")
    assert (said.code, said.out) == (0, "withdrawn: 1\n")
    assert json.loads((await plazo("campaign", "list", "--json")).out) == []
    [known] = json.loads((await plazo("campaign", "list", "--all", "--json")).out)
    assert (known["withdrawn_by"], known["withdrawn_why"]) == ("ana", "called off")
    said = await plazo("campaign", "withdraw", "1", "--reason=again")
    assert (said.code, said.out) == (1, "")
    assert "over, withdrawn, or there is none" in said.err


async def test_an_unknown_service_is_refused_with_a_reason(plazo: Plazo) -> None:
    said = await plazo(
        "campaign", "announce", "nobody", f"--from={at(0)}", f"--until={at(1)}", "--messages=5",
        "--reason=x",
    )  # fmt: skip
    assert (said.code, said.out) == (1, "")
    assert 'there is no service "nobody"; import it first' in said.err


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"from": "tomorrow"}, "not a moment with its offset"),
        ({"from": "2026-12-01T09:00"}, "not a moment with its offset"),
        ({"until": at(-3)}, "ends after it begins"),
        ({"until": at(24 * 40)}, "31 days"),
        ({"messages": "0"}, "--messages"),
        ({"messages": "999999999999"}, "10,000,000"),
        ({"domain": "shop"}, "not a domain"),
    ],
)
async def test_what_is_no_campaign_is_wrong_usage(
    plazo: Plazo, wrong: dict[str, str], told: str
) -> None:
    said = await announce(plazo, **wrong)
    assert (said.code, said.out) == (2, "")
    assert told in " ".join(said.err.split())
    assert "Traceback" not in said.err
