"""Money on a stack that is up: a call is charged, disputed and credited by the running workflow."""

import asyncio
import json

import pytest

from tests.workers.command import Plazo
from tests.workers.outside import a_complaint, a_home, clients_file, outside, up

pytestmark = pytest.mark.real

INCIDENT = "incident-vps-1-1"
PRICE = b"dedicated_address_monthly: 25.00 EUR"


def priced() -> bytes:
    """One client whose contract has a price for phone calls."""
    text = clients_file(1, deadline=3_600)
    assert PRICE in text
    return text.replace(PRICE, PRICE + b"\n          staff_hour: 60.00 EUR", 1)


async def until_waiting(plazo: Plazo) -> None:
    async with asyncio.timeout(60):
        while True:
            said = await plazo("incident", "list", "--stage", "waiting")
            if INCIDENT in said.out:
                return


async def test_a_call_is_charged_disputed_and_credited_while_the_incident_goes_on() -> None:
    with a_home() as home:
        async with outside() as around, up(home, around) as (plazo, _):
            imported = await plazo("import", "-", given=priced())
            assert imported.code == 0, imported.err
            await plazo("report", "-", given=a_complaint(1))
            await until_waiting(plazo)
            said = await plazo(
                "incident", "call", INCIDENT, "--reached", "--minutes=20", "--reason=will look",
            )  # fmt: skip
            assert said.code == 0, said.err
            [charge] = json.loads((await plazo("billing", "list", "--json")).out)
            assert (charge["kind"], charge["quantity"], charge["amount"]) == (
                "staff_time", "0.5", "30.00",
            )  # fmt: skip
            key, why = charge["key"], ("--reason=they called us", "--by=ana")
            said = await plazo("billing", "dispute", key, *why)
            assert "is not sent until that is settled" in said.out, said.err
            again = await plazo("billing", "dispute", key, *why)
            assert again.code == 1
            assert "is disputed by ana already" in again.err
            half = f"--amount=15.00 {charge['currency']}"
            said = await plazo("billing", "settle", key, "credited", half, *why)
            assert said.code == 0, said.err
            [charge] = json.loads((await plazo("billing", "list", "--json")).out)
            assert (charge["left"], charge["state"]) == ("15.00", "due")
            assert (await plazo("audit", "verify", INCIDENT)).code == 0
            page = json.loads((await plazo("incident", "show", INCIDENT, "--json")).out)
            assert page["stage"] == "waiting"
            told = [entry["what"] for entry in page["chain"]]
            assert f"settle the dispute of {key}: credited" in told
