"""OpenID Connect Core 1.0: the authorization code flow with PKCE (RFC 7636), as a relying party."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

AWAY = (httpx.HTTPError,)
"""The issuer gave no usable answer; the same may be tried again."""

_SECONDS = 8.0
_LARGEST = 1 << 20
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_LEEWAY = 60
"""Seconds that the issuer's clock may be off."""


class SignOnFailed(Exception):
    """The issuer's word cannot be taken; the message says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A sign-on that is sent off: where to, and what has to come back with it."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, kw_only=True)
class SignOn:
    """One issuer (`https://…`), at which this gateway is registered as a confidential client.

    `return_to` is the address that is registered there. `transport` is for tests.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    return_to: str
    transport: httpx.AsyncBaseTransport | None = None

    async def begin(self) -> Begun:
        """Raises httpx.HTTPError when the issuer cannot be reached, SignOnFailed."""
        async with self._client() as client:
            metadata = await self._metadata(client)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        asked = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self.client_id,
            "redirect_uri": self.return_to,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        address = f"{_text(metadata, 'authorization_endpoint')}?{urlencode(asked)}"
        return Begun(address=address, state=state, nonce=nonce, verifier=verifier)

    async def finish(self, code: str, *, nonce: str, verifier: str) -> str:
        """Who came back with a code: issuer and `sub`, a space between, as users are known by.

        Raises httpx.HTTPError when the issuer cannot be reached, SignOnFailed.
        """
        async with self._client() as client:
            metadata = await self._metadata(client)
            answer = await client.post(
                _text(metadata, "token_endpoint"),
                data={
                    "grant_type": "authorization_code",
                    "code": code,
                    "redirect_uri": self.return_to,
                    "code_verifier": verifier,
                },
                auth=(self.client_id, self.client_secret),
            )
            token = _text(_document(answer), "id_token")
            keys = _document(await client.get(_text(metadata, "jwks_uri")))
        return f"{self.issuer} {self._subject(token, keys, nonce)}"

    def _subject(self, token: str, keys: dict[str, Any], nonce: str) -> str:
        """The `sub` of an ID token that is valid for us (OpenID Connect Core §3.1.3.7)."""
        claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
        )
        try:
            said = jwt.decode(token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS)  # type: ignore[arg-type]
            claims.validate(said.claims)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise SignOnFailed(f"the ID token is not valid here ({error})") from error
        if said.claims.get("azp", self.client_id) != self.client_id:
            raise SignOnFailed("the ID token is made for another client")
        return _text(said.claims, "sub")

    async def _metadata(self, client: httpx.AsyncClient) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0 §4. The issuer must be the one that was asked."""
        found = _document(
            await client.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        )
        if found.get("issuer") != self.issuer:
            raise SignOnFailed(
                f"{self.issuer} calls itself {str(found.get('issuer'))[:100]!r}; "
                "set PLAZO_OIDC_ISSUER to that name exactly"
            )
        return found

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=_SECONDS, transport=self.transport)


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json() if len(answer.content) <= _LARGEST else None
    except ValueError:
        found = None
    if answer.status_code != 200 or not isinstance(found, dict):
        why = found.get("error", "") if isinstance(found, dict) else ""
        raise SignOnFailed(f"the issuer answered {answer.status_code} {str(why)[:100]}".strip())
    return found


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise SignOnFailed(f"the issuer's answer has no {name}")
    return value
