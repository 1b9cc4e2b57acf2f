"""The keys of those who report, as they are written in the settings, each kind for its own proof.

| key              | proof                                            | a delivery is known by |
| ---------------- | ------------------------------------------------ | ---------------------- |
| `whsec_BASE64`   | Standard Webhooks                                | its `webhook-id`       |
| `ed25519:BASE64` | HTTP message signature over a Content-Digest     | its content            |
| `basic:PASSWORD` | HTTP Basic (RFC 7617), the reporter as the user  | its content            |

A reporter proves itself by the kinds of keys that it has. The last is there for Rspamd, which can
send nothing better: a password proves who speaks, but not that it is said only once.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from functools import cache
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway import signatures

_ED25519 = "ed25519:"
_BASIC = "basic:"

_STRENGTH = 24
"""Bytes that a secret has at least, as the Standard Webhooks specification says."""

_SHORTEST_PASSWORD = 24
"""Characters. It is never typed, so it can be long."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """One reporter's. Several of a kind are there while one replaces the other."""

    secrets: tuple[str, ...] = ()
    """`whsec_…`"""
    public: tuple[Ed25519PublicKey, ...] = ()
    passwords: tuple[str, ...] = ()

    @classmethod
    def read(cls, written: tuple[str, ...]) -> Self:
        """Raises ValueError, with what a key is, if one is none."""
        secrets, public, passwords = [], [], []
        for key in written:
            if key.startswith(_ED25519):
                public.append(_public_key(key.removeprefix(_ED25519)))
            elif key.startswith(_BASIC):
                passwords.append(_password(key.removeprefix(_BASIC)))
            else:
                secrets.append(_secret(key))
        return cls(secrets=tuple(secrets), public=tuple(public), passwords=tuple(passwords))

    def challenge(self) -> str:
        """What `WWW-Authenticate` says to whoever has not proved to have one of them."""
        kinds = {
            "StandardWebhooks": self.secrets,
            "Signature": self.public,
            'Basic realm="reports"': self.passwords,
        }
        return ", ".join(name for name, known in kinds.items() if known) or "StandardWebhooks"


@cache
def keys_of(written: tuple[str, ...]) -> Keys:
    """`Keys.read`, once for each reporter."""
    return Keys.read(written)


def _secret(key: str) -> str:
    if len(signatures.key(key)) < _STRENGTH:
        raise ValueError(
            f"it is shorter than {_STRENGTH} bytes; make one with "
            "`echo whsec_$(openssl rand -base64 32)`"
        )
    return key


def _public_key(encoded: str) -> Ed25519PublicKey:
    """Its 32 bytes, or a SubjectPublicKeyInfo (RFC 8410), as a PEM file has it."""
    try:
        decoded = base64.b64decode(re.sub(r"-----[A-Z ]+-----|\s", "", encoded), validate=True)
        if len(decoded) == 32:
            return Ed25519PublicKey.from_public_bytes(decoded)
        known = load_der_public_key(decoded)
    except (binascii.Error, ValueError) as error:
        raise ValueError("a public key is ed25519: and base64, of 32 bytes or of DER") from error
    if not isinstance(known, Ed25519PublicKey):
        raise ValueError("it is a public key of another kind; expected Ed25519")
    return known


def _password(password: str) -> str:
    if not (password.isascii() and password.isprintable()):
        raise ValueError("a password is of printable ASCII characters")
    if len(password) < _SHORTEST_PASSWORD:
        raise ValueError(
            f"the password is shorter than {_SHORTEST_PASSWORD} characters; make one with "
            "`openssl rand -hex 24`"
        )
    return password
