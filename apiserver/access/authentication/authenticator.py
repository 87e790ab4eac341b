"""The authenticator of authenticators: the first that knows a credential says who is asking.

An authenticator answers with a user, with ``None`` for a credential that is not of its sort, or
raises `BadCredential` for one that is and does not hold. A credential that nobody knows is bad; a
request without any is the anonymous user's where that is allowed. Bad credentials are never
downgraded to anonymous, and neither are they told why they are bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, runtime_checkable

from apiserver.access.authentication.groups import with_authenticated_group
from apiserver.access.authentication.x509 import Certificate, certificate_user
from apiserver.machinery.users import ANONYMOUS, UserInfo

UNKNOWN_TOKEN: Final = "invalid bearer token"
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


@runtime_checkable
class AudienceAuthenticator(Protocol):
    """Knows tokens that say for whom they are; those of the others are for the API."""

    async def authenticate_for(
        self, token: str, audiences: Sequence[str]
    ) -> tuple[UserInfo, Sequence[str]] | None:
        """Return whose token it is and for which of ``audiences``, as `authenticate` does."""
        ...


class RequestAuthenticator:
    """All authenticators of a server, in the order in which they are asked.

    ``audiences`` are the names of the API itself.
    """

    def __init__(
        self,
        tokens: Sequence[TokenAuthenticator],
        *,
        anonymous: bool,
        audiences: Sequence[str] = (),
    ) -> None:
        self._tokens = tokens
        self._anonymous = anonymous
        self._audiences = audiences

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
                    return with_authenticated_group(user)
            raise BadCredential(UNKNOWN_TOKEN)
        if self._anonymous:
            return ANONYMOUS
        raise BadCredential("no credentials, and anonymous requests are not allowed")

    async def review(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, Sequence[str]]:
        """Return whose token somebody else was sent, and for which of ``audiences`` it is.

        Without any they are those of the API. Raises BadCredential.
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


# Every request of a connection comes with the same certificate.
@lru_cache(maxsize=256)
def _certified(certificate: Certificate) -> UserInfo | None:
    user = certificate_user(certificate)
    return None if user is None else with_authenticated_group(user)


def bearer_token(authorization: str) -> str:
    """Return the token of an Authorization header, ``""`` where it holds none."""
    scheme, _, rest = authorization.strip().partition(" ")
    return rest.partition(" ")[0] if scheme.lower() == _SCHEME else ""


def has_extra_space(authorization: str) -> bool:
    """Tell whether a bearer token is ignored because of a space too many in front of it."""
    scheme, _, rest = authorization.strip().partition(" ")
    return scheme.lower() == _SCHEME and rest.startswith(" ")
