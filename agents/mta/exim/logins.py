"""Logins that earlier agents wrote between two comments at the head of Debian's `passwd.client`."""

from pathlib import Path

from agents.mta.exim.files import replace_for_group

_BEGIN = "# Written by the Plazo host agent; changes are undone."
_END = "# End of what the Plazo host agent wrote."


def take_back(file: Path, group: int) -> None:
    """Have none of them there: the administrator's own stay."""
    text = file.read_text() if file.exists() else ""
    before, begin, rest = text.partition(f"{_BEGIN}\n")
    if not begin:
        return
    _, end, after = rest.partition(f"{_END}\n")
    # Somebody cut into it: rather a line too many than theirs.
    replace_for_group(file, before + (after if end else rest), group)
