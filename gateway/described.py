"""How the OpenAPI document describes `POST /v1/reports`, which is no route of FastAPI's."""

from typing import Any

from gateway.problems import MEDIA_TYPE

_FORMATS = ("message/rfc822", "application/json", "application/xarf+json")

_QUERY = {
    "reporter": ("Who reports: the name that its keys are under", {"type": "string"}),
    "address": (
        "Where the mail left from, if the report itself does not tell", {"type": "string"},
    ),
    "spam": (
        "The body is the offending message itself, as it was received",
        {"type": "boolean", "default": False},
    ),
}  # fmt: skip

_REFUSALS = {
    401: "Not proved to be of that reporter.",
    409: "Signed at another time, or another report had the same webhook-id.",
    413: "Larger than 10 MiB.",
    422: "Neither mail nor of a known format; the detail says what was expected.",
    503: "The book of record is away; send it again after Retry-After.",
}

POSTED: dict[str, Any] = {
    "title": "Posted",
    "description": "What was accepted.",
    "type": "object",
    "required": ["report"],
    "properties": {
        "report": {
            "type": "string",
            "description": "REPORTER/ID, which the report is on record as; the same at every try",
        }
    },
}
"""The schema of the answer 202."""

POSTING: dict[str, Any] = {
    "tags": ["reports"],
    "summary": "Report offending mail",
    "description": (
        "ARF (RFC 5965) or another message, XARF, events, or plain JSON; signed by the reporter."
    ),
    "operationId": "post_report",
    "security": [{"webhook": []}, {"basic": []}],
    "parameters": [
        *(
            {"name": name, "in": "query", "required": False, "description": what, "schema": schema}
            for name, (what, schema) in _QUERY.items()
        ),
        *(
            {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
            for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ),
    ],
    "requestBody": {
        "required": True,
        "content": {name: {"schema": {"type": "string"}} for name in _FORMATS},
    },
    "responses": {
        "202": {
            "description": "On record, and read within moments.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Posted"}}},
        },
        **{
            str(status): {
                "description": why,
                "content": {MEDIA_TYPE: {"schema": {"type": "object"}}},
            }
            for status, why in _REFUSALS.items()
        },
    },
}
"""The operation."""
