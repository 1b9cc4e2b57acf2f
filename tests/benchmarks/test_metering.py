"""The metering's benchmark meters what it writes, and none of the mail between it."""

from pathlib import Path

import pytest

from benchmarks.metering import IN_QUEUE, OTHERS, read_once


@pytest.mark.parametrize("kind", ["postfix", "exim"])
def test_every_message_of_the_redirect_is_counted_once(kind: str, tmp_path: Path) -> None:
    count = 4 * IN_QUEUE * OTHERS
    found = read_once(kind, count, tmp_path)
    assert (found["counted"], found["again"]) == (count, 0)
    assert found["bytes"] > 100 * count
