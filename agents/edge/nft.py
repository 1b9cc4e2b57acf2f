"""The program nft(8), run without a shell: rule sets go in as text, lists come back as JSON."""

import json
import os
from collections.abc import Sequence

from agents import programs
from agents.edge.ruleset import NO_TABLE, Table, listed

_SECONDS = 30.0
"""Longest that one command may take; 10,000 addresses take a tenth of a second."""


class NftFailed(Exception):
    """nft did not do as it was told; the message has its words."""


class Nft:
    """`command` is nft, or what runs it elsewhere, such as in another network namespace."""

    def __init__(self, command: Sequence[str] = ("nft",)) -> None:
        self._command = tuple(command)

    async def table(self) -> Table:
        """The table `inet plazo` as the kernel has it. Raises NftFailed."""
        code, out, err = await self._run("--json", "list", "table", "inet", "plazo")
        if code == 0:
            return listed(out)
        if await self._is_missing():
            return NO_TABLE
        raise NftFailed(err)

    async def change(self, text: str) -> None:
        """Carry out a rule set in one transaction: all of it, or nothing. Raises NftFailed."""
        code, _, err = await self._run("--file", "-", given=text)
        if code != 0:
            raise NftFailed(err)

    async def _is_missing(self) -> bool:
        code, out, err = await self._run("--json", "list", "tables", "inet")
        if code != 0:
            raise NftFailed(err)
        tables = (each["table"] for each in json.loads(out)["nftables"] if "table" in each)
        return all(each["name"] != "plazo" for each in tables)

    async def _run(self, *arguments: str, given: str = "") -> tuple[int, str, str]:
        # A file in memory, not a pipe: if we are killed, nft still reads all of it, never a part.
        with open(os.memfd_create("plazo"), "r+b", buffering=0) as rules:  # noqa: ASYNC230, PTH123
            rules.write(given.encode())
            rules.seek(0)
            try:
                ended = await programs.run(
                    *self._command, *arguments, seconds=_SECONDS, given=rules
                )
            except FileNotFoundError as error:
                raise NftFailed(f"{self._command[0]} is not installed; install nftables") from error
            except programs.TooSlow as error:
                raise NftFailed(f"nft {error}") from error
        words = " ".join(ended.err.split())
        return ended.code, ended.out, f"nft: {words or f'ended with {ended.code}'}"
