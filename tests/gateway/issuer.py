"""An OpenID Connect issuer on loopback: discovery, authorization, token and keys, all of it real.

What it says can be bent, one thing at a time, to see that it is not believed.
"""

import asyncio
import base64
import hashlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "plazo", "the secret of the gateway at the issuer"


@dataclass
class Issuer:
    """Signs on whoever comes as `subject`. `bend` changes the claims before they are signed."""

    address: str = ""
    subject: str = "sub-of-ana"
    bend: dict[str, Any] = field(default_factory=dict)
    signs_with: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    shows: RSAKey | None = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        async def metadata() -> dict[str, str]:
            return {
                "issuer": self.bend.get("calls_itself", self.address),
                "authorization_endpoint": f"{self.address}/authorize",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
            }

        @app.get("/authorize")
        async def authorize(request: Request) -> Response:
            asked = dict(request.query_params)
            assert asked["response_type"] == "code"
            assert asked["code_challenge_method"] == "S256"
            code = f"code-{len(self.codes)}"
            self.codes[code] = asked
            back = urlencode({"code": code, "state": asked["state"]})
            return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

        @app.post("/token")
        async def token(request: Request) -> Response:
            fields = {
                name: value[0] for name, value in parse_qs((await request.body()).decode()).items()
            }
            basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            if request.headers.get("authorization") != f"Basic {basic}":
                return JSONResponse({"error": "invalid_client"}, 401)
            asked = self.codes.pop(fields["code"], None)
            made = hashlib.sha256(fields["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(made).rstrip(b"=").decode()
            if (
                asked is None
                or asked["code_challenge"] != challenge
                or asked["redirect_uri"] != fields["redirect_uri"]
            ):
                return JSONResponse({"error": "invalid_grant"}, 400)
            claims = {
                "iss": self.address,
                "sub": self.subject,
                "aud": CLIENT,
                "exp": int(time.time()) + 300,
                "iat": int(time.time()),
                "nonce": asked["nonce"],
                **self.bend,
            }
            signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signs_with)
            return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": signed})

        @app.get("/keys")
        async def keys() -> dict[str, Any]:
            return dict(KeySet([self.shows or self.signs_with]).as_dict(private=False))

        return app


@asynccontextmanager
async def an_issuer() -> AsyncIterator[Issuer]:
    """Listening on a free port while the block lasts."""
    issuer = Issuer()
    server = uvicorn.Server(uvicorn.Config(issuer.app(), log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        issuer.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield issuer
        finally:
            server.should_exit = True
            await task


def path_of(address: str) -> str:
    """Path and query of an address that a browser is sent to."""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"
