"""RequestAuthenticator: asks the authenticators in order; the first that accepts decides.

An authenticator returns a user, ``None`` for a credential that it does not handle, or raises
`BadCredential` for an invalid one. A credential that no authenticator handles is invalid. A request
without credentials is anonymous, if that is enabled. A request with invalid credentials is never
treated as anonymous, and the response does not say why they are invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, runtime_checkable

from apiserver.access.authentication.groups import with_authenticated_group
from apiserver.access.authentication.x509 import Certificate, certificate_user
from apiserver.machinery.times import system_clock
from apiserver.machinery.users import ANONYMOUS, UserInfo

UNKNOWN_TOKEN: Final = "invalid bearer token"
_SCHEME: Final = "bearer"


class BadCredential(Exception):
    """The presented credential is invalid."""


@dataclass(slots=True)
class Credentials:
    """The credentials of a request: its Authorization header and its client certificate."""

    authorization: str = ""
    certificate: Certificate | None = None


class TokenAuthenticator(Protocol):
    """Authenticates one type of bearer token."""

    async def authenticate(self, token: str) -> UserInfo | None:
        """Return the token's user, ``None`` for another type of token. Raises BadCredential."""
        ...


@runtime_checkable
class AudienceAuthenticator(Protocol):
    """Authenticates tokens that carry audiences; other tokens are for the API."""

    async def authenticate_for(
        self, token: str, audiences: Sequence[str]
    ) -> tuple[UserInfo, Sequence[str]] | None:
        """Return the token's user, and those of ``audiences`` that it is valid for."""
        ...


class RequestAuthenticator:
    """All authenticators of a server, in order.

    ``audiences`` are the names of the API itself.
    """

    def __init__(
        self,
        tokens: Sequence[TokenAuthenticator],
        *,
        anonymous: bool,
        audiences: Sequence[str] = (),
        now: Callable[[], float] | None = None,
    ) -> None:
        self._tokens = tokens
        self._anonymous = anonymous
        self._audiences = audiences
        self._now = now or system_clock().time

    async def authenticate(self, credentials: Credentials) -> UserInfo:
        """Return the user of a request. Raises BadCredential."""
        certificate = credentials.certificate
        # A connection may stay open for longer than the certificate of its handshake is valid.
        expired = certificate is not None and certificate.not_after < self._now()
        if certificate is not None and not expired:
            user = _certified(certificate)
            if user is not None:
                return user
        token = bearer_token(credentials.authorization)
        if token:
            for authenticator in self._tokens:
                user = await authenticator.authenticate(token)
                if user is not None:
                    return with_authenticated_group(user)
            raise BadCredential(UNKNOWN_TOKEN)
        if expired:
            raise BadCredential("the client certificate has expired")
        if self._anonymous:
            return ANONYMOUS
        raise BadCredential("no credentials, and anonymous requests are not allowed")

    async def review(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, Sequence[str]]:
        """Return the user of a token, and those of ``audiences`` that it is valid for.

        The default audiences are those of the API. Raises BadCredential.
        """
        wanted = audiences or self._audiences
        for authenticator in self._tokens:
            found = await self._review(authenticator, token, wanted)
            if found is not None:
                user, common = found
                return with_authenticated_group(user), common
        raise BadCredential(UNKNOWN_TOKEN)

    async def _review(
        self, authenticator: TokenAuthenticator, token: str, wanted: Sequence[str]
    ) -> tuple[UserInfo, Sequence[str]] | None:
        if isinstance(authenticator, AudienceAuthenticator):
            return await authenticator.authenticate_for(token, wanted)
        common = [name for name in wanted if name in self._audiences]
        if wanted and not common:
            return None
        user = await authenticator.authenticate(token)
        return None if user is None else (user, common)


# All requests of a connection have the same certificate.
@lru_cache(maxsize=256)
def _certified(certificate: Certificate) -> UserInfo | None:
    user = certificate_user(certificate)
    return None if user is None else with_authenticated_group(user)


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header, ``""`` if it has none."""
    scheme, _, rest = authorization.strip().partition(" ")
    return rest.partition(" ")[0] if scheme.lower() == _SCHEME else ""


def has_extra_space(authorization: str) -> bool:
    """Return whether a bearer token is ignored because of extra space before it."""
    if "  " not in authorization:
        return False
    scheme, _, rest = authorization.strip().partition(" ")
    return scheme.lower() == _SCHEME and rest.startswith(" ")
