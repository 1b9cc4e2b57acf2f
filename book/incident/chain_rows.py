"""Entries of an audit chain as people read them."""

import json
from collections.abc import Mapping
from typing import Any

from domain.console.pages import ChainRow
from domain.record import Entry


def chain_row(entry: Entry) -> ChainRow:
    try:
        what, reasons, by, failed = _said(json.loads(entry.body))
    except (ValueError, KeyError, TypeError, AttributeError):
        # Somebody has tampered with it: the break is told above, and the rest is still shown.
        what, reasons, by, failed = "cannot be read", (), None, True
    return ChainRow(
        seq=entry.seq,
        at=entry.at,
        source=entry.source,
        what=what,
        reasons=reasons,
        by=by,
        failed=failed,
        attempt='"kind":"attempt"' in entry.body,
    )


def _said(body: Mapping[str, Any]) -> tuple[str, tuple[str, ...], str | None, bool]:
    """What an entry says, why, by whom if it was a person, and whether it is a failure."""
    match body["kind"]:
        case "decision":
            by = body["by"] if body["by"] != "plazo" else None
            return body["what"], tuple(body["reasons"]), by, False
        case "attempt":
            came_of_it = body.get("outcome", body["phase"])
            reasons = (f"attempt {body['attempt']}",) if body["attempt"] > 1 else ()
            if "error" in body:
                reasons += (body["error"],)
            return f"{body['step']}: {came_of_it}", reasons, None, came_of_it == "failed"
        case kind:
            rest = sorted(body.items())
            return kind, tuple(f"{name}: {it}" for name, it in rest if name != "kind"), None, False
