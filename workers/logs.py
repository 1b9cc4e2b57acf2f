"""Log lines: when, how grave, who, what happened, and its fields as `name=value`."""

import json
import logging
import sys

_GIVEN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has."""

_CHATTY = ("httpx", "mail.log", "yoyo", "uvicorn", "dns", "imap_tools")


class Fields(logging.Formatter):
    """The message with the fields that came with it; a text with blanks in it is quoted.

    No field can begin a line of its own. What Temporal's SDK adds to each record of a workflow or
    an activity is left out: its messages say it already.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, without the traceback that may follow."""
        fields = (
            f"{name}={_value(value)}"
            for name, value in vars(record).items()
            if name not in _GIVEN and not name.startswith(("temporal_", "__temporal"))
        )
        return " ".join((super().formatMessage(record), *fields))


def _value(value: object) -> str:
    text = str(value)
    plain = text.isascii() and text.isprintable() and text and not set(text) & set(' "=')
    return text if plain else json.dumps(text, ensure_ascii=not text.isprintable())


def to_stderr() -> None:
    """Have this process say what happens, and its libraries only what is wrong."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Fields())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
