"""RequestAuthenticator: asks the authenticators in order; the first that accepts decides.

An authenticator returns a user, ``None`` for a credential that it does not handle, or raises
`BadCredential` for an invalid one; the next one may accept that. A credential that no authenticator
accepts is invalid. A request without credentials is anonymous, if that is enabled. A request with
invalid credentials is never treated as anonymous, and the response does not say why they are
invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol, runtime_checkable

from apiserver.access.authentication.front_proxy import (
    FrontProxy,
    Headers,
    ProxyHeaders,
    UnknownProxy,
)
from apiserver.access.authentication.groups import with_authenticated_group
from apiserver.access.authentication.x509 import Certificate, certificate_user
from apiserver.machinery.times import system_clock
from apiserver.machinery.users import ANONYMOUS, UserInfo
from apiserver.machinery.valueclasses import valueclass

UNKNOWN_TOKEN: Final = "invalid bearer token"
_SCHEME: Final = "bearer"


@valueclass
class TokenAnnotation:
    """An annotation of the audit event about the use of a token, and a warning or none."""

    key: str
    value: str
    warning: str = ""


class AnnotatedRequest(Protocol):
    """The request that a token authenticates, or the review of the token."""

    warnings: list[str]

    def annotate(self, key: str, value: str, /) -> None:
        """Add an annotation to the audit event."""
        ...


class BadCredential(Exception):
    """The presented credential is invalid."""

    annotation: TokenAnnotation | None = None


@dataclass(slots=True)
class Credentials:
    """The credentials of a request: its Authorization header and its client certificate.

    ``path`` is what is requested: some paths are served without credentials. ``headers`` are for
    front proxies. ``request`` gets the annotation and the warning about the token.
    """

    authorization: str = ""
    certificate: Certificate | None = None
    path: str = ""
    headers: Headers | None = None
    request: AnnotatedRequest | None = None


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


@runtime_checkable
class AnnotatingAuthenticator(Protocol):
    """Authenticates tokens whose use is annotated, such as those of legacy Secrets."""

    def annotation_of(self, token: str) -> TokenAnnotation | None:
        """Return the annotation of a token that has just been authenticated, if it has one."""
        ...


class RequestAuthenticator:
    """All authenticators of a server, in order.

    ``audiences`` are the names of the API itself. ``anonymous_paths``: only these are served to
    anonymous users; none of them: all are.
    """

    def __init__(
        self,
        tokens: Sequence[TokenAuthenticator],
        *,
        anonymous: bool,
        anonymous_paths: Collection[str] = (),
        front_proxy: FrontProxy | None = None,
        audiences: Sequence[str] = (),
        now: Callable[[], float] | None = None,
    ) -> None:
        self._tokens = [
            (each, each.annotation_of if isinstance(each, AnnotatingAuthenticator) else None)
            for each in tokens
        ]
        self._anonymous = anonymous
        self._anonymous_paths = anonymous_paths
        self._front_proxy = front_proxy
        self._audiences = audiences
        self._now = now or system_clock().time

    @property
    def front_proxy_headers(self) -> ProxyHeaders | None:
        """The headers in which front proxies name their users, ``None`` without such proxies."""
        return None if self._front_proxy is None else self._front_proxy.headers

    async def authenticate(self, credentials: Credentials) -> UserInfo:
        """Return the user of a request. Raises BadCredential."""
        refusal = ""
        if credentials.certificate is not None:
            user, refusal = self._by_certificate(credentials.certificate, credentials.headers)
            if user is not None:
                return user
        token = bearer_token(credentials.authorization)
        if not token:
            return self._without_token(credentials.path, refusal)
        causes: list[str] = []
        for authenticator, annotation_of in self._tokens:
            try:
                user = await authenticator.authenticate(token)
            except BadCredential as error:
                causes.append(str(error))
                _annotate(error.annotation, credentials.request)
                continue
            if user is not None:
                if annotation_of is not None:
                    _annotate(annotation_of(token), credentials.request)
                return with_authenticated_group(user)
        raise _unknown(causes)

    async def review(
        self, token: str, audiences: Sequence[str], request: AnnotatedRequest | None = None
    ) -> tuple[UserInfo, Sequence[str]]:
        """Return the user of a token, and those of ``audiences`` that it is valid for.

        The default audiences are those of the API. Raises BadCredential.
        """
        wanted = audiences or self._audiences
        causes: list[str] = []
        for authenticator, annotation_of in self._tokens:
            try:
                found = await self._review(authenticator, token, wanted)
            except BadCredential as error:
                causes.append(str(error))
                _annotate(error.annotation, request)
                continue
            if found is not None:
                if annotation_of is not None:
                    _annotate(annotation_of(token), request)
                user, common = found
                return with_authenticated_group(user), common
        raise _unknown(causes)

    def _by_certificate(
        self, certificate: Certificate, headers: Headers | None
    ) -> tuple[UserInfo | None, str]:
        """Return the user of a client certificate, or why it has none."""
        # A connection may stay open for longer than the certificate of its handshake is valid.
        if certificate.not_after < self._now():
            return None, "the client certificate has expired"
        if self._front_proxy is None:
            return _certified(certificate), ""
        return self._by_proxy(self._front_proxy, certificate, headers)

    def _without_token(self, path: str, refusal: str) -> UserInfo:
        if refusal:
            raise BadCredential(refusal)
        if self._anonymous and self._is_open(path):
            return ANONYMOUS
        raise BadCredential("no credentials, and anonymous requests are not allowed")

    def _by_proxy(
        self, proxy: FrontProxy, certificate: Certificate, headers: Headers | None
    ) -> tuple[UserInfo | None, str]:
        """Return the user that a proxy names, or else that of its certificate, or why not."""
        refusal = ""
        try:
            user = None if headers is None else proxy.user_of(certificate, headers)
        except UnknownProxy as error:
            refusal, user = str(error), None
        if user is not None:
            return with_authenticated_group(user), ""
        if proxy.certifies_clients(certificate):
            return _certified(certificate), refusal
        return None, refusal or "x509: certificate signed by unknown authority"

    def _is_open(self, path: str) -> bool:
        return not self._anonymous_paths or path in self._anonymous_paths

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


def _annotate(annotation: TokenAnnotation | None, request: AnnotatedRequest | None) -> None:
    if annotation is None or request is None:
        return
    request.annotate(annotation.key, annotation.value)
    if annotation.warning:
        request.warnings.append(annotation.warning)


def _unknown(causes: Sequence[str]) -> BadCredential:
    """Return the error for a token that no authenticator accepts, in the words of TokenReviews."""
    if not causes:
        return BadCredential(UNKNOWN_TOKEN)
    # Two authenticators reject every bad token: the server's own, and those of its issuers.
    return BadCredential(f"[{', '.join([UNKNOWN_TOKEN, *causes])}]")


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
