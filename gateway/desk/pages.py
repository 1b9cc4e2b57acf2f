"""A page of the desk: written, and not sent again to whoever has it already."""

import hashlib
import re

from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from domain.parties import Language
from templates.render import render_page

_FLEETING = re.compile(r"<!-- now -->.*?<!-- /now -->", re.DOTALL)
"""What is different each time though nothing has happened: how long it is until something."""


def shown(request: Request, template: str, page: object, status: int = 200) -> Response:
    """The page, or 304 where the reader's own copy says the same (RFC 9110 §13.1.2).

    Open pages ask every few seconds; what has not changed costs them nothing.
    """
    html = render_page(template, Language.EN, page=page)
    digest = hashlib.sha256(_FLEETING.sub("", html).encode()).hexdigest()[:32]
    tag = f'"{digest}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if status == 200 and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return HTMLResponse(html, status, headers)
