"""Settings as fields of a dataclass, read from the environment and `.env`."""

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields
from pathlib import Path
from typing import Any

from dotenv import dotenv_values


class BadSettings(ValueError):
    """Settings that are missing or cannot be understood; the message has a line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))


def setting(
    name: str, doc: str, read: Callable[[str], Any], default: Any = MISSING, *, secret: bool = False
) -> Any:
    """A field that comes from the environment variable `name`. A callable default is called."""
    metadata = {"name": name, "doc": doc, "read": read, "secret": secret}
    made = {"default_factory": default} if callable(default) else {"default": default}
    return field(metadata=metadata, repr=not secret, **made)


def environment(file: Path = Path(".env")) -> dict[str, str]:
    """The process's environment; what it lacks comes from the `.env` in the working directory."""
    kept = {name: value for name, value in dotenv_values(file).items() if value is not None}
    return {**kept, **os.environ}


def read_fields(kind: type, env: Mapping[str, str]) -> dict[str, Any]:
    """Read a dataclass of `setting`s. Raises BadSettings with every problem at once."""
    values: dict[str, Any] = {}
    problems = []
    for each in fields(kind):
        name, given = each.metadata["name"], env.get(each.metadata["name"], "").strip()
        if given:
            try:
                values[each.name] = each.metadata["read"](given)
            except ValueError as error:
                problems.append(f"{name}: {error}")
        elif _required(each):
            problems.append(f"{name} is not set: {each.metadata['doc']}")
    if problems:
        raise BadSettings(problems)
    return values


def _required(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING
