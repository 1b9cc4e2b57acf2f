"""A source of clients, and what it lists: everything ordinary unless a test says otherwise."""

from pathlib import Path
from typing import Any

from domain.clientele.listed import Listed, Rented
from domain.clientele.sources import Source, read_source

EXAMPLE = Path(__file__).parents[2] / "docs" / "clients.example.yaml"


def a_source(**changed: str) -> Source:
    """The documentation's, with whole lines in other words: `key="/etc/other"`."""
    lines = []
    for each in EXAMPLE.read_text().splitlines():
        word = each.partition(":")[0]
        lines.append(f"{word}: {changed[word]}" if word in changed else each)
    return read_source("\n".join(lines))


def a_server(ref: str = "31", **other: Any) -> Rented:
    ordinary: dict[str, Any] = {
        "ref": ref, "said": f"service {ref}", "products": ("Managed VPS M", "Managed VPS"),
        "hostname": f"vps{ref}.provider.example", "addresses": (f"192.0.2.{ref}",),
    }  # fmt: skip
    return Rented(**ordinary | other)


def an_account(ref: str = "41", **other: Any) -> Rented:
    ordinary: dict[str, Any] = {
        "ref": ref, "said": f"service {ref}", "products": ("Web hosting",),
        "server": "shared1.provider.example", "account": f"user{ref}",
    }  # fmt: skip
    return Rented(**ordinary | other)


def listed(ref: str = "17", *rented: Rented, **other: Any) -> Listed:
    ordinary: dict[str, Any] = {
        "ref": ref, "said": f"client {ref}", "name": "Aurora SL", "company": True,
        "contact": "abuse@aurora.example", "phone": "+34 910000000", "country": "ES",
        "rented": rented or (a_server(),),
    }  # fmt: skip
    return Listed(**ordinary | other)
