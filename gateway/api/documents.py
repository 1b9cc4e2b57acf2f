"""How the OpenAPI document describes the API: bodies, answers, problems, with examples."""

from dataclasses import MISSING, dataclass, fields
from typing import Any

from pydantic import TypeAdapter

from domain.wire import to_json
from gateway.problems import MEDIA_TYPE

Answers = dict[int | str, dict[str, Any]]

TAGS = [
    {"name": "reports", "description": "What others report, and what is kept of it."},
    {"name": "incidents", "description": "Incidents: found, read, and acted upon."},
    {"name": "tasks", "description": "What waits for a person."},
    {"name": "clients", "description": "Direct clients, and the campaigns that they announced."},
    {"name": "listings", "description": "Which address or domain was on which blocklist."},
    {"name": "billing", "description": "The ledger, and where its entries are delivered."},
    {"name": "people", "description": "Users of the console, and their tokens."},
    {"name": "agents", "description": "What hosts' agents ask and say, each of its own host."},
    {"name": "portal", "description": "Pages for the direct client of one incident."},
    {"name": "desk", "description": "Pages for the provider's people."},
    {"name": "health", "description": "Whether the gateway lives and can work, and its numbers."},
]


@dataclass(frozen=True, kw_only=True)
class ProblemDetails:
    """An error (RFC 9457). `errors` has each thing that is wrong, and where."""

    type: str
    """`urn:plazo:problem:KIND`; the kind is what programs look at."""
    title: str
    status: int
    detail: str
    """What to do."""
    instance: str
    errors: list[dict[str, str]] | None = None


_WHY = {
    401: "No token, or none that is in force.",
    403: "The token has not this scope, or its owner not this right.",
    404: "There is nothing of this name.",
    409: "Refused as things stand; the detail says how they stand.",
    413: "Larger than this takes.",
    415: "Not JSON.",
    422: "The request makes no sense; the detail says what to change.",
    429: "Too many at once; again after Retry-After.",
    503: "The book of record or the engine is away; send the same again after Retry-After.",
}


def _a_problem(status: int, why: str) -> dict[str, object]:
    return {
        "type": "urn:plazo:problem:an-example",
        "title": "What kind of error",
        "status": status,
        "detail": why,
        "instance": "/v1/incidents/incident-vps-1-1",
    }


def problems(*statuses: int, **why: str) -> Answers:
    """The errors of a route. `why` has another reason for a status: `_409="…"`."""
    given = {status: _WHY[status] for status in statuses}
    given |= {int(name.lstrip("_")): text for name, text in why.items()}
    return {
        status: {
            "description": text,
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": "#/components/schemas/ProblemDetails"},
                    "example": _a_problem(status, text),
                }
            },
        }
        for status, text in given.items()
    }


ALWAYS = problems(401, 403, 422, 503)
"""What each route of the API may answer."""

SENT = problems(413, 415)
"""Also, where something is sent."""


def gives(
    model: type, example: object, description: str, *, status: int = 200, tagged: bool = False
) -> Answers:
    """What a route answers when all is well; with `tagged` it has an ETag."""
    answer: dict[str, Any] = {
        "model": model,
        "description": description,
        "content": {"application/json": {"example": _kept(to_json(example))}},
    }
    if not tagged:
        return {status: answer}
    answer["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "For If-None-Match"}}
    return {status: answer, 304: {"description": "What If-None-Match names is still so."}}


_ADAPTER = TypeAdapter(ProblemDetails)
_BODIES: dict[str, dict[str, Any]] = {}
"""Schemas of what is sent, by name."""


def takes(kind: type, example: object, **limits: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that is sent a dataclass; `limits` are of its fields.

    The example is what is sent, as JSON.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    schema = adapter.json_schema(ref_template="#/components/schemas/{model}")
    _BODIES.update(schema.pop("$defs", {}))
    schema["additionalProperties"] = False  # what is unknown is refused
    for name, limit in limits.items():
        schema["properties"][name] |= limit
    _BODIES[kind.__name__] = schema
    needed = any(each.default is MISSING for each in fields(kind))
    return {
        "requestBody": {
            "required": needed,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{kind.__name__}"},
                    "example": _kept(example),
                }
            },
        }
    }


_EXAMPLES: list[object] = []


def _kept(example: object) -> str:
    """What stands for an example until the document is complete: FastAPI leaves out its nulls."""
    _EXAMPLES.append(example)
    return f"{_STANDS_FOR}{len(_EXAMPLES) - 1}"


def _on_a_page(answers: Answers) -> Answers:
    """The same, told to people."""
    for answer in answers.values():
        answer["content"]["text/html"] = {"schema": {"type": "string"}}
    return answers


PAGES: Answers = {
    303: {"description": "Done, and on to the next page; or nobody is signed in, and to the door."},
    304: {"description": "What If-None-Match names is still so."},
    **_on_a_page(problems(401, 404, 409, 413, 422, 429, 503, _403="The role has not this right.")),
}
"""What each page for people may answer beside itself, to whoever prefers JSON to a page."""

AGENTS: Answers = problems(413, 422, 429, 503)
LINKS: Answers = _on_a_page(problems(413, 422, 503))
"""What agents and clients may be answered, beside what their routes say."""

_SCHEMES = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "plazo",
        "description": "A user who has signed in at `/sign-in`. `__Host-plazo` over TLS.",
    },
    "webhook": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "A reporter's signature (Standard Webhooks), or RFC 9421's.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "A reporter that cannot sign."},
}
_STANDS_FOR = "urn:plazo:example:"
_METHODS = ("get", "put", "post", "delete")


def complete(document: dict[str, Any]) -> None:
    """Add what FastAPI does not see: bodies that are read here, and who is let in how."""
    components = document["components"]
    components["schemas"] |= {"ProblemDetails": _ADAPTER.json_schema(), **_BODIES}
    components.setdefault("securitySchemes", {}).update(_SCHEMES)
    document["tags"] = TAGS
    for path, operations in document["paths"].items():
        for operation in (operations[method] for method in _METHODS if method in operations):
            if "desk" in operation.get("tags", ()) and not path.startswith("/sign-"):
                operation["security"] = [{"session": []}]
            for body in (operation.get("requestBody", {}), *operation["responses"].values()):
                for content in body.get("content", {}).values():
                    _put_in_its_example(content)


def _put_in_its_example(content: dict[str, Any]) -> None:
    name = content.get("example")
    if isinstance(name, str) and name.startswith(_STANDS_FOR):
        content["example"] = _EXAMPLES[int(name.removeprefix(_STANDS_FOR))]
