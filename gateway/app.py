"""The gateway's application: every route of the room, and what goes around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import Response
from pydantic import TypeAdapter

import templates
from domain.detection.refused import Refused
from domain.hosts import Detection, Report
from gateway import agents, health
from gateway.agents import LONGEST_WAIT
from gateway.api import documents
from gateway.api.routes import ROUTERS
from gateway.api.who import only_what_is_known
from gateway.around import Around
from gateway.at_once import POLLS, POSTS, AtOnce
from gateway.described import POSTED, POSTING
from gateway.desk import acting, door, front, incident, links, looks, money, people, tasks
from gateway.desk.sessions import NotSignedIn, to_the_door
from gateway.gateway import Gateway
from gateway.metrics import Metrics
from gateway.portal import routes, visits
from gateway.problems import install
from gateway.reports import PATH, Application, Reports
from gateway.wake import Wake

_PAGES = Path(templates.__file__).parent / "pages"
_SHEET = (_PAGES / "style.css").read_bytes()
_SCRIPTS = {name: (_PAGES / name).read_bytes() for name in ("clock.js", "desk.js")}
_KEPT = {"Cache-Control": "max-age=300"}

_DESK = tuple(
    page.router for page in (door, front, incident, acting, links, looks, tasks, money, people)
)

_files = APIRouter(include_in_schema=False)


@_files.get("/style.css")
async def style() -> Response:
    """The one sheet of all pages."""
    return Response(_SHEET, media_type="text/css", headers=_KEPT)


@_files.get("/clock.js")
@_files.get("/desk.js")
async def script(request: Request) -> Response:
    """What open pages do by themselves."""
    name = request.url.path.removeprefix("/")
    return Response(_SCRIPTS[name], media_type="text/javascript", headers=_KEPT)


@_files.get("/favicon.ico")
async def icon() -> Response:
    """Browsers ask for one; there is none."""
    return Response(status_code=204, headers=_KEPT)


def create_app(gateway: Gateway) -> FastAPI:
    """The ASGI application. It listens for changes of hosts while its lifespan runs.

    `app.state.wake.let_go()` has every long poll answered at once, before the server stops.
    """
    wake = Wake(gateway.pool)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with wake.running(), gateway.inbox.running():
            yield

    app = Application(
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
    app.state.polls = AtOnce(POLLS, again_after=LONGEST_WAIT)
    app.state.posts = AtOnce(POSTS, again_after=1)
    app.state.metrics = Metrics()
    posted = Reports(gateway, app.state.metrics)
    app.posted = Around(posted, metrics=app.state.metrics)
    app.router.routes.append(posted.route)  # of other methods, that they are not allowed
    for router in _DESK:
        app.include_router(router, responses=documents.PAGES)
    app.include_router(agents.router, responses=documents.AGENTS)
    app.include_router(routes.router, responses=documents.LINKS)
    for router in ROUTERS:
        app.include_router(router, dependencies=[Depends(only_what_is_known)])
    for router in (health.router, _files):
        app.include_router(router)
    install(app)
    app.add_exception_handler(visits.Gone, visits.gone)
    app.add_exception_handler(NotSignedIn, to_the_door)
    app.add_middleware(Around, metrics=app.state.metrics)
    _describe_what_is_posted(app)
    return app


def _describe_what_is_posted(app: FastAPI) -> None:
    """Add to the OpenAPI document what reporters and agents post: FastAPI does not read it."""
    generate = app.openapi

    def described() -> dict[str, Any]:
        document = generate()
        document["paths"].setdefault(PATH, {})["post"] = POSTING
        schemas = document["components"]["schemas"]
        for kind in (Report, Detection, Refused):
            if kind.__name__ not in schemas:
                adapter: TypeAdapter[Any] = TypeAdapter(kind)
                schema = adapter.json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(schema.pop("$defs", {}))
                schemas[kind.__name__] = schema
        schemas["Posted"] = POSTED
        documents.complete(document)
        return document

    app.openapi = described  # type: ignore[method-assign]
