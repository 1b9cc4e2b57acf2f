"""Whom a program acts for: the token's owner, by the right that a route needs."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from domain.console.desk import Person, Right
from gateway.desk.sessions import WithToken, needs
from gateway.problems import Problem

Reader = Annotated[Person, Depends(needs(Right.READ))]
Actor = Annotated[Person, Depends(needs(Right.ACT))]
Settler = Annotated[Person, Depends(needs(Right.SETTLE))]
Lead = Annotated[Person, Depends(needs(Right.ADMINISTER))]


async def only_what_is_known(request: Request, person: WithToken) -> None:
    """Problem 422 for a parameter that the route has not: a misspelt `dry_run` must do nothing."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = sorted(each.alias for each in route.dependant.query_params)
    for name in request.query_params:
        if name not in known:
            why = f"there is no such parameter; write one of {', '.join(known) or 'none'}"
            where = f"query.{name[:60]!a}"
            raise Problem(
                422, "invalid-request", f"{where}: {why}.", errors=({"at": where, "why": why},)
            )
