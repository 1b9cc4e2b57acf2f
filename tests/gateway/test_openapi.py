"""The OpenAPI document: whole, true to the routes, and what the gateway answers is in it."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from book.database import open_pool
from gateway.app import create_app
from tests.gateway.test_authorisation import every_route
from tests.gateway.test_desk import a_full_incident
from tests.gateway.world import INCIDENT, World, a_gateway, a_world, portal

TRIES = 12
"""Requests made up for each operation, right ones and wrong ones each."""

KNOWN = {
    "incident": INCIDENT,
    "client": "ejemplo",
    "key": "t1",
    "report": "fbl/msg-2/0",
    "name": "dan",
    "subject": "192.0.2.7",
    "number": 1,
    "token": portal().removeprefix("/c/"),
}
"""What a path may name so that there is something to answer."""

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
STRICT = [checks.negative_data_rejection]
"""Of the API alone: pages pass over what they do not know, for browsers add things."""


@pytest.fixture
def document(database: Any) -> dict[str, Any]:
    return create_app(a_gateway(database, None)).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_described(document: dict[str, Any], database: Any) -> None:
    hidden = {"/openapi.json", "/style.css", "/favicon.ico"}
    app: FastAPI = create_app(a_gateway(database, None))
    routes = {
        (method, path.replace(":path}", "}"))
        for method, path in every_route(app)
        if path not in hidden and not path.endswith(".js")
    }
    assert {(method, path) for method, path, _ in operations(document)} == routes


def test_every_operation_of_the_api_says_all_that_one_needs(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    known = {tag["name"] for tag in document["tags"]}
    for _, path, operation in operations(document):
        assert operation["summary"], path
        assert set(operation["tags"]) <= known, path
        if not path.startswith("/v1/") or "agents" in operation["tags"] or path == "/v1/reports":
            continue
        assert operation["security"] == [{"token": []}], path
        assert {"401", "403", "422", "503"} <= set(operation["responses"]), path
        for status, answer in operation["responses"].items():
            for media, content in answer.get("content", {}).items():
                assert "example" in content or path.endswith("evidence"), path
                if status >= "400":
                    assert media == "application/problem+json", path
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["example"] is not None


def test_no_reference_leads_nowhere(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in document["components"]["schemas"]
    schemes = document["components"]["securitySchemes"]
    for _, path, operation in operations(document):
        for each in operation.get("security", ()):
            assert set(each) <= set(schemes), path


def test_every_example_is_as_its_schema_says(document: dict[str, Any]) -> None:
    seen = 0
    for _, path, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (each for body in bodies for each in body.get("content", {}).values()):
            if "example" in content and "schema" in content:
                schema = {**content["schema"], "components": document["components"]}
                assert jsonschema_rs.is_valid(schema, content["example"]), (path, content)
                seen += 1
    assert seen > 100


class Serving(threading.Thread):
    """A gateway on a socket, with a loop, a pool and a full incident of its own."""

    def __init__(self, dsn: str) -> None:
        super().__init__()
        self._dsn = dsn
        self.ready = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.token: dict[str, str] = {}
        self.cookie: dict[str, str] = {}
        self.host_key: dict[str, str] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        pool = await open_pool(self._dsn)
        async with a_world(pool) as world:
            await self._fill(world)
            config = uvicorn.Config(
                world.app, lifespan="off", log_config=None, access_log=False, http="httptools"
            )
            self.server = uvicorn.Server(config)
            self.ready.set()
            await self.server.serve(sockets=[self.listener])
        await pool.close()

    async def _fill(self, world: World) -> None:
        await a_full_incident(world)
        self.token = world.token()
        self.cookie = await world.cookie()
        self.host_key = await world.key_of("mx1")

    def stop(self) -> None:
        self.server.should_exit = True
        self.join()


@contextmanager
def serving(dsn: str) -> Iterator[Serving]:
    thread = Serving(dsn)
    thread.start()
    try:
        assert thread.ready.wait(60)
        yield thread
    finally:
        thread.stop()


def test_whatever_is_asked_no_answer_is_a_fault_and_each_is_as_described(dsn: str) -> None:
    with serving(dsn) as gateway:
        schema = schemathesis.openapi.from_url(f"{gateway.address}/openapi.json")
        failures: list[str] = []
        asked = 0
        for found in schema.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()
            tags = operation.definition.raw.get("tags", ())
            headers = {"agents": gateway.host_key, "desk": gateway.cookie}.get(
                "".join(tags), gateway.token
            )
            for mode in schemathesis.GenerationMode:
                asked += _attack(operation, mode, headers, failures)
        assert not failures, "\n\n".join(failures)
        assert asked > 1_000


def _attack(operation: Any, mode: Any, headers: dict[str, str], failures: list[str]) -> int:
    """Ask an operation what is made up for it; how often."""
    asked = 0
    strict = operation.path.startswith("/v1/") and "agent" not in operation.path

    @settings(
        max_examples=TRIES, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode, headers=headers), real=st.booleans())
    def ask(case: Any, real: bool) -> None:
        nonlocal asked
        asked += 1
        if real:
            case.path_parameters = {
                name: KNOWN.get(name, value) for name, value in case.path_parameters.items()
            }
        response = case.call(headers=headers, allow_redirects=False, timeout=30)
        try:
            case.validate_response(
                response, checks=CHECKS + (STRICT if strict and not real else [])
            )
        except (Failure, FailureGroup) as error:
            failures.extend(
                f"{operation.label}: {response.status_code}: {each!r} {response.text[:300]}"
                for each in getattr(error, "exceptions", (error,))
            )

    with suppress(Unsatisfiable):  # where nothing is sent, nothing can be wrong
        ask()
    return asked
