"""Every error as RFC 9457 problem details; as a page for those who prefer to read one."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from domain.console.pages import ProblemPage
from domain.parties import Language
from templates.render import render_page

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An error that a client is told. `kind` names it for programs; `detail` says what to do."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        language: Language | None = None,
        errors: tuple[dict[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase
        self.headers = dict(headers or {})
        self.language = language
        self.errors = errors


def install(app: FastAPI) -> None:
    """Have the application answer its own errors, and FastAPI's, as problems."""
    app.add_exception_handler(Problem, _told)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def response_to(request: Request, problem: Problem) -> Response:
    """The problem in the form and language that the client prefers."""
    if prefers_html(request.headers.get("accept", "")):
        page = ProblemPage(
            provider=request.app.state.gateway.provider,
            status=problem.status,
            title=problem.title,
            detail=problem.detail,
        )
        language = problem.language or language_of(request.headers.get("accept-language", ""))
        html = render_page("problem.html", language, page=page)
        return HTMLResponse(html, problem.status, headers=problem.headers)
    body: dict[str, object] = {
        "type": f"urn:plazo:problem:{problem.kind}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request.url.path,
    }
    if problem.errors:
        body["errors"] = list(problem.errors)
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def unexpected() -> Problem:
    """What a client is told of a fault of ours; the log has the rest."""
    return Problem(
        500,
        "unexpected",
        "This is a fault of the program, and it is in its log. Try again, or tell the operator.",
    )


def prefers_html(accept: str) -> bool:
    """Whether a page is preferred to JSON (RFC 9110 §12.5.1)."""
    wanted = dict(_preferences(accept))
    other = wanted.get("*/*", 0.0)
    html = wanted.get("text/html", wanted.get("text/*", other))
    json = wanted.get("application/json", wanted.get("application/*", other))
    return html > max(json, wanted.get(MEDIA_TYPE, 0.0))


def language_of(accept_language: str) -> Language:
    """The best of our languages by RFC 9110 §12.5.4; English where none is asked for."""
    for name, quality in sorted(_preferences(accept_language), key=lambda each: -each[1]):
        primary = name.partition("-")[0]
        if quality > 0 and primary in list(Language):
            return Language(primary)
    return Language.EN


def _preferences(header: str) -> list[tuple[str, float]]:
    found = []
    for item in header[:1_000].lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        if name:
            found.append((name, quality))
    return found


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return response_to(request, error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {404: "There is nothing at this address.", 405: "This address takes other methods."}
    detail = details.get(error.status_code, str(error.detail))
    kind = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return response_to(
        request, Problem(error.status_code, kind, detail, headers=error.headers or {})
    )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = tuple(
        {"at": ".".join(str(part) for part in each["loc"]), "why": each["msg"]}
        for each in error.errors()
    )
    said = "; ".join(f"{each['at']}: {each['why']}" for each in errors)
    return response_to(request, Problem(422, "invalid-request", said, errors=errors))
