"""JWTAuthenticators: the issuers of a configuration, which may be replaced while the server runs.

A new configuration is in effect once the documents of all its issuers are found; one whose issuers
do not answer within a minute is dropped, and the previous one stays.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.authentication.oidc.claim_mapping import ClaimMapper
from apiserver.access.authentication.oidc.http_documents import HTTPDocuments
from apiserver.access.authentication.oidc.id_tokens import IDTokens
from apiserver.access.authentication.oidc.remote_key_set import RemoteKeySet
from apiserver.access.result_cache import ResultCache
from apiserver.machinery.users import UserInfo

log = logging.getLogger(__name__)

#: Seconds that a token counts after it was verified.
TOKEN_LIFETIME: Final = 10.0
#: Seconds that the issuers of a new configuration have to answer.
REPLACEMENT_TIMEOUT: Final = 60.0


class JWTAuthenticators:
    """The tokens of all issuers; ``connect`` makes the provider of each."""

    def __init__(
        self,
        mappers: Sequence[ClaimMapper],
        connect: Callable[[ClaimMapper], RemoteKeySet] | None = None,
    ) -> None:
        self._connect = connect or _connect
        self._current = self._issuers(mappers)
        self._next: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._known: ResultCache[str, UserInfo | None] = ResultCache(_lifetime)

    @property
    def mappers(self) -> Sequence[ClaimMapper]:
        """What reads the claims of each issuer."""
        return [issuer.mapper for issuer in self._current]

    async def authenticate(self, token: str) -> UserInfo | None:
        """Return the token's user, ``None`` for a token of another issuer. Raises BadCredential."""
        # Tokens of other forms are not cached.
        if token.count(".") != 2:
            return None
        return await self._known.get(token, lambda: self._ask(token))

    def replace(self, mappers: Sequence[ClaimMapper]) -> None:
        """Take a new configuration, as soon as its issuers answer."""
        if self._next is not None:
            self._next.cancel()
        self._next = asyncio.create_task(self._replace(mappers), name="new-issuers")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Find the documents of the issuers, and follow their keys, while the block runs."""
        _start(self._current)
        try:
            yield
        finally:
            if self._next is not None:
                self._next.cancel()
                await asyncio.gather(self._next, return_exceptions=True)
            await self._known.close()
            await asyncio.gather(*self._closing, return_exceptions=True)
            await _close(self._current)

    async def _ask(self, token: str) -> UserInfo | None:
        refusal: BadCredential | None = None
        for issuer in self._current:
            try:
                user = await issuer.authenticate(token)
            except BadCredential as error:
                refusal = error
            else:
                if user is not None:
                    return user
        if refusal is not None:
            raise refusal
        return None

    async def _replace(self, mappers: Sequence[ClaimMapper]) -> None:
        issuers = self._issuers(mappers)
        _start(issuers)
        try:
            async with asyncio.timeout(REPLACEMENT_TIMEOUT):
                for issuer in issuers:
                    await issuer.provider.ready.wait()
        except TimeoutError:
            log.warning("an issuer does not answer; the previous configuration stays in effect")
            await _close(issuers)
        except asyncio.CancelledError:
            await _close(issuers)
            raise
        else:
            previous, self._current = self._current, issuers
            self._known.clear()
            log.info("the authentication configuration is in effect")
            # In a task of its own, which the next configuration does not cancel.
            closing = asyncio.create_task(_close(previous), name="close-issuers")
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _issuers(self, mappers: Sequence[ClaimMapper]) -> list[IDTokens]:
        return [IDTokens(mapper, self._connect(mapper)) for mapper in mappers]


def _connect(mapper: ClaimMapper) -> RemoteKeySet:
    issuer = mapper.configuration.issuer
    return RemoteKeySet(issuer, HTTPDocuments(issuer.certificate_authority))


def _start(issuers: Sequence[IDTokens]) -> None:
    for issuer in issuers:
        issuer.provider.start()


def _lifetime(user: UserInfo | None) -> float:
    return 0.0 if user is None else TOKEN_LIFETIME


async def _close(issuers: Sequence[IDTokens]) -> None:
    await asyncio.gather(*(issuer.provider.close() for issuer in issuers))
