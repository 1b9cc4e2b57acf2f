"""Whether the gateway lives, whether it can work, and what it has counted."""

import asyncio
import logging

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from book.intake.inbox import Backlog, backlog
from gateway.gateway import Gateway, TheGateway, book_at_hand
from gateway.metrics import Metrics
from gateway.problems import Problem

log = logging.getLogger("plazo.gateway")

_PATIENCE = 3.0
"""Seconds; whoever asks does so every few."""

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process is alive", response_class=PlainTextResponse)
async def alive() -> str:
    return "alive\n"


@router.get(
    "/readyz",
    summary="PostgreSQL and Temporal answer",
    response_class=PlainTextResponse,
    responses={503: {"description": "The detail says which does not."}},
)
async def ready(gateway: TheGateway) -> str:
    book, engine = await asyncio.gather(_book_answers(gateway), gateway.incidents.available())
    away = [name for name, answers in (("PostgreSQL", book), ("Temporal", engine)) if not answers]
    if away:
        raise Problem(503, "not-ready", f"No answer from {' and '.join(away)}.")
    return "ready\n"


@router.get(
    "/metrics", summary="Counters, in Prometheus' text format", response_class=PlainTextResponse
)
async def metrics(request: Request, gateway: TheGateway) -> Response:
    counted: Metrics = request.app.state.metrics
    text = counted.text(await _inbox(gateway))
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def _inbox(gateway: Gateway) -> Backlog | None:
    """What is still to be read; None while PostgreSQL is away."""
    try:
        with book_at_hand():
            async with asyncio.timeout(_PATIENCE), gateway.pool.acquire() as connection:
                return await backlog(connection)
    except Problem:
        return None


async def _book_answers(gateway: Gateway) -> bool:
    try:
        with book_at_hand():
            async with asyncio.timeout(_PATIENCE), gateway.pool.acquire() as connection:
                await connection.execute("SELECT 1")
    except Problem as problem:
        log.warning("not ready", extra={"why": repr(problem.__cause__)})
        return False
    return True
