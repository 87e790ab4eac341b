"""The chain of authenticators: the first that knows a credential says who is asking.

An authenticator answers with a user, with ``None`` for a credential that is not of its sort, or
raises `BadCredential` for one that is and does not hold. A credential that nobody knows is bad; a
request without any is the anonymous user's where that is allowed. Bad credentials are never
downgraded to anonymous, and neither are they told why they are bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from apiserver.access.authentication.groups import authenticated
from apiserver.access.authentication.x509 import Certificate, certified_user
from apiserver.machinery.users import ANONYMOUS, UserInfo

_SCHEME: Final = "bearer"


class BadCredential(Exception):
    """A credential was presented and nobody vouches for it."""


@dataclass(slots=True)
class Credentials:
    """What a request says about who sends it: its Authorization header, its client certificate."""

    authorization: str = ""
    certificate: Certificate | None = None


class TokenAuthenticator(Protocol):
    """Knows one sort of bearer token."""

    async def authenticate(self, token: str) -> UserInfo | None:
        """Return whose token it is, ``None`` if it is not of this sort. Raises BadCredential."""
        ...


class Chain:
    """All authenticators of a server, in the order in which they are asked."""

    def __init__(self, tokens: Sequence[TokenAuthenticator], *, anonymous: bool) -> None:
        self._tokens = tokens
        self._anonymous = anonymous

    async def authenticate(self, credentials: Credentials) -> UserInfo:
        """Return who is asking. Raises BadCredential."""
        if credentials.certificate is not None:
            user = _certified(credentials.certificate)
            if user is not None:
                return user
        token = bearer_token(credentials.authorization)
        if token:
            for authenticator in self._tokens:
                user = await authenticator.authenticate(token)
                if user is not None:
                    return authenticated(user)
            raise BadCredential("invalid bearer token")
        if self._anonymous:
            return ANONYMOUS
        raise BadCredential("no credentials, and anonymous requests are not allowed")


# Every request of a connection comes with the same certificate.
@lru_cache(maxsize=256)
def _certified(certificate: Certificate) -> UserInfo | None:
    user = certified_user(certificate)
    return None if user is None else authenticated(user)


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header, ``""`` where it holds none."""
    scheme, _, rest = authorization.strip().partition(" ")
    return rest.partition(" ")[0] if scheme.lower() == _SCHEME else ""


def has_stray_space(authorization: str) -> bool:
    """Tell whether a bearer token is ignored because of a space too many in front of it."""
    scheme, _, rest = authorization.strip().partition(" ")
    return scheme.lower() == _SCHEME and rest.startswith(" ")
