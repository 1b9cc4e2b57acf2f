"""XARF by mail: version 4 and 3 as a JSON part, versions 0.1 and 0.2 as a YAML part.

Version 3 borrows the form of ARF with `Feedback-Type: xarf`; the older ones have a field `X-XARF:
PLAIN` (`X-ARF: YES`), the YAML in the second part and the evidence in the third. Encrypted ones
(`SECURE`) and lists (`BULK`) are for a person.
"""

import re
from datetime import datetime

from domain.intake.complaints import Complaint
from gateway.formats.headers import Fields, split
from gateway.formats.json_text import an_object, read_json
from gateway.formats.parts import ORIGINAL, Part, boundary_of, taken_apart
from gateway.formats.port import NotUnderstood, register
from gateway.formats.xarf import read_xarf
from gateway.formats.xarf_v3 import read_version_2

_XARF = re.compile(rb"x-?arf", re.IGNORECASE)
_YAML_KINDS = ("text/plain", "text/yaml", "application/yaml", "text/x-yaml", "application/x-yaml")


@register
class XarfMail:
    """The format's reader."""

    name = "xarf_mail"
    expects = "XARF by mail: a JSON part (version 3 or 4), or X-XARF: PLAIN and a YAML part"

    def recognises(self, content: bytes, media_type: str) -> bool:
        if _XARF.search(content) is None or boundary_of(split(content)[0]) is None:
            return False
        outer, parts = taken_apart(content)
        return _older(outer) != "" or any(_is_json(part) or _is_xarf(part) for part in parts)

    def read(self, content: bytes, received_at: datetime) -> tuple[Complaint, ...]:
        outer, parts = taken_apart(content)
        attached = next((part.decoded() for part in parts if part.kind in ORIGINAL), b"")
        try:
            for part in filter(_is_json, parts):
                return read_xarf(
                    an_object(read_json(part.decoded(len(part.body)))), received_at, attached
                )
            if _older(outer) in ("plain", "yes"):
                return read_version_2(_yaml(parts), received_at, attached or _evidence(parts))
        except NotUnderstood as error:
            raise NotUnderstood(str(error), for_a_person=True) from None
        raise NotUnderstood(
            "no part can be read; expected JSON, or YAML under X-XARF: PLAIN", for_a_person=True
        )


def _older(outer: Fields) -> str:
    return (outer.first("x-xarf") or outer.first("x-arf")).lower()


def _is_json(part: Part) -> bool:
    if part.kind.endswith("json"):
        return True
    return "xarf.json" in part.fields.first("content-disposition", "content-type").lower()


def _is_xarf(part: Part) -> bool:
    if part.kind != "message/feedback-report":
        return False
    return split(part.decoded())[0].first("feedback-type").lower() == "xarf"


def _yaml(parts: list[Part]) -> bytes:
    found = [part for part in parts[1:2] if part.kind in _YAML_KINDS]
    if not found:
        raise NotUnderstood("its second part is not text; expected YAML")
    return found[0].decoded()


def _evidence(parts: list[Part]) -> bytes:
    """The third part: the message as text, if it begins as one."""
    text = parts[2].decoded() if len(parts) > 2 else b""
    return text if split(text)[0].first("received", "from", "subject") else b""
