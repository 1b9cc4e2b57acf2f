"""The gateway's application: every route of the room, and what goes around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import Response
from pydantic import TypeAdapter

import templates
from domain.hosts import Detection, Report
from gateway import agents, console, health, portal, reports
from gateway.around import Around
from gateway.desk import door
from gateway.desk.sessions import NotSignedIn, to_the_door
from gateway.gateway import Gateway
from gateway.metrics import Metrics
from gateway.problems import install
from gateway.wake import Wake

_SHEET = (Path(templates.__file__).parent / "pages" / "style.css").read_bytes()

_style = APIRouter(include_in_schema=False)


@_style.get("/style.css")
async def style() -> Response:
    """The one sheet of all pages."""
    return Response(_SHEET, media_type="text/css", headers={"Cache-Control": "max-age=300"})


def create_app(gateway: Gateway) -> FastAPI:
    """The ASGI application. It listens for changes of hosts while its lifespan runs.

    `app.state.wake.let_go()` has every long poll answered at once, before the server stops.
    """
    wake = Wake(gateway.pool)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with wake.running(), gateway.intake.running():
            yield

    app = FastAPI(
        title="Plazo",
        description="Outbound-spam incidents: reports in, desired state out, pages for people.",
        version="1",
        lifespan=lifespan,
        # Their pages load scripts from a CDN, which our policy for pages forbids.
        docs_url=None,
        redoc_url=None,
    )
    app.state.gateway = gateway
    app.state.wake = wake
    app.state.metrics = Metrics()
    for router in (
        reports.router, agents.router, portal.router, door.router, console.console, console.api,
        health.router, _style,
    ):  # fmt: skip
        app.include_router(router)
    install(app)
    app.add_exception_handler(portal.Gone, portal.gone)
    app.add_exception_handler(NotSignedIn, to_the_door)
    app.add_middleware(Around, metrics=app.state.metrics)
    _describe_reports_of_agents(app)
    return app


def _describe_reports_of_agents(app: FastAPI) -> None:
    """Add what agents post to the OpenAPI document: FastAPI would read it, and guess, itself."""
    generate = app.openapi

    def described() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        for kind in (Report, Detection):
            if kind.__name__ not in schemas:
                adapter: TypeAdapter[Any] = TypeAdapter(kind)
                schema = adapter.json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(schema.pop("$defs", {}))
                schemas[kind.__name__] = schema
        return document

    app.openapi = described  # type: ignore[method-assign]
