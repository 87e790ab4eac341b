"""Signed tokens: JSON Web Tokens in compact form (RFC 7519, RFC 7515), before and after the check.

What a token says counts only once its signature is verified; until then it tells which key is to be
used.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterable
from typing import Any, Final

from apiserver.machinery.documents import parse_json
from apiserver.machinery.errors import RequestEntityTooLarge
from apiserver.machinery.valueclasses import valueclass

log = logging.getLogger(__name__)

#: The signature algorithms that tokens of issuers elsewhere may have.
SIGNING_ALGORITHMS: Final = (
    "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
)  # fmt: skip
_PARTS: Final = 3


@valueclass
class SignedToken:
    """A token whose signature is not verified."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]

    @property
    def key_id(self) -> str:
        """The id of the key that has signed it, ``""`` if it does not say."""
        found = self.header.get("kid")
        return found if isinstance(found, str) else ""

    def is_signed_with(self, keys: Iterable[tuple[str, Any]]) -> bool:
        """Return whether one of ``keys``, each an algorithm and a public key, has signed it."""
        from jwt import PyJWS
        from jwt.exceptions import PyJWTError

        # No extension of the format is known here, so none may be critical (RFC 7515, 4.1.11).
        if "crit" in self.header:
            return False
        signatures = PyJWS()
        for algorithm, key in keys:
            try:
                signatures.decode(self.text, key, algorithms=[algorithm])
            except (PyJWTError, TypeError, ValueError) as error:
                log.debug("not signed with this key: %s", error)
            else:
                return True
        return False


def parse_token(text: str) -> SignedToken | None:
    """Return the parts of a token, ``None`` if it is not a JSON Web Token in compact form."""
    parts = text.split(".")
    if len(parts) != _PARTS:
        return None
    try:
        # The library that checks the signature would not refuse a header of any depth.
        header, claims = (
            parse_json(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
            for part in parts[:2]
        )
    except (ValueError, RequestEntityTooLarge):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    return SignedToken(text, header, claims)


def audiences_of(claims: dict[str, Any]) -> tuple[str, ...]:
    """Return the claim ``aud``, which is a text or a list of them."""
    given = claims.get("aud")
    if isinstance(given, str):
        return (given,)
    return tuple(name for name in given if isinstance(name, str)) if isinstance(given, list) else ()
