"""RemoteKeySet: the keys of an issuer, as its documents publish them.

They are found by OpenID Connect Discovery 1.0 at the start, beside the requests: until then, and as
long as the issuer does not answer, its tokens are refused. A token that names another key has them
fetched again, as issuers change their keys at any time. However many tokens do so at once, there is
one fetch at a time, and one in a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

from apiserver.access.authentication.oidc.authentication_configuration import Issuer
from apiserver.access.authentication.oidc.http_documents import DocumentSource, FetchError
from apiserver.access.authentication.signed_tokens import SignedToken
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import Clock, system_clock
from apiserver.machinery.valueclasses import valueclass

Sleep: TypeAlias = Callable[[float], Awaitable[object]]

log = logging.getLogger(__name__)

#: Seconds between two attempts to find an issuer's documents.
RETRY: Final = 10.0
#: Seconds from the beginning of one fetch of keys to that of the next.
_PAUSE: Final = 1.0
_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}


@valueclass
class PublishedKey:
    """A public key of an issuer."""

    key_id: str
    public: Any

    def verifies(self, algorithm: str) -> bool:
        """Return whether signatures of an algorithm are made with such a key."""
        from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

        if algorithm in _CURVES:
            key = self.public
            return isinstance(key, EllipticCurvePublicKey) and key.curve.name == _CURVES[algorithm]
        return isinstance(self.public, RSAPublicKey)


class RemoteKeySet:
    """The documents of one issuer."""

    def __init__(
        self,
        issuer: Issuer,
        source: DocumentSource,
        *,
        sleep: Sleep = asyncio.sleep,
        clock: Clock | None = None,
    ) -> None:
        self._issuer = issuer
        self._source = source
        self._sleep = sleep
        self._now = (clock or system_clock()).monotonic
        self._keys_url = ""
        self._keys: Sequence[PublishedKey] = ()
        self._finding: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._next_fetch = 0.0
        self._closed = False
        #: Set when the issuer's documents are found.
        self.ready = asyncio.Event()

    def start(self) -> None:
        """Find the documents of the issuer, however long that takes, in the background."""
        self._finding = asyncio.create_task(self._find(), name="find-issuer")

    async def has_signed(self, token: SignedToken, algorithm: str) -> bool:
        """Return whether the issuer has signed a token. Raises FetchError."""
        if self._is_signed(token, algorithm):
            return True
        await self._refresh()
        return self._is_signed(token, algorithm)

    async def close(self) -> None:
        """Stop fetching. Tokens that need other keys are refused from now on."""
        self._closed = True
        tasks = [task for task in (self._finding, self._fetching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._source.close()

    async def _find(self) -> None:
        while not self.ready.is_set():
            try:
                await self._discover()
                await self._fetch_keys()
            except FetchError as error:
                log.warning("the keys of issuer %s: %s", self._issuer.url, error)
                await self._sleep(RETRY)
            else:
                self.ready.set()

    def _is_signed(self, token: SignedToken, algorithm: str) -> bool:
        key_id = token.key_id
        return token.is_signed_with(
            (algorithm, key.public)
            for key in self._keys
            if (not key_id or key.key_id == key_id) and key.verifies(algorithm)
        )

    async def _discover(self) -> None:
        issuer = self._issuer
        url = issuer.discovery_url or issuer.url.removesuffix("/") + _WELL_KNOWN
        document = await self._source.fetch(url)
        found = document if isinstance(document, dict) else {}
        if found.get("issuer") != issuer.url:
            raise FetchError(
                "oidc: issuer did not match the issuer returned by provider, expected "
                f"{quote(issuer.url)} got {quote(str(found.get('issuer', '')))}"
            )
        if not isinstance(found.get("jwks_uri"), str):
            raise FetchError("its discovery document names no jwks_uri")
        self._keys_url = found["jwks_uri"]

    async def _refresh(self) -> None:
        if not self._closed and (self._fetching is None or self._fetching.done()):
            self._fetching = asyncio.create_task(self._fetch_later(), name="fetch-keys")
        fetching = self._fetching
        if fetching is not None:
            # A cancelled request does not cancel the fetch that others wait for.
            await asyncio.wait([fetching])
        if fetching is None or fetching.cancelled():
            raise FetchError("the configuration of the issuer has been replaced")
        fetching.result()

    async def _fetch_later(self) -> None:
        await self._sleep(max(0.0, self._next_fetch - self._now()))
        await self._fetch_keys()

    async def _fetch_keys(self) -> None:
        self._next_fetch = self._now() + _PAUSE
        document = await self._source.fetch(self._keys_url)
        given = document.get("keys") if isinstance(document, dict) else None
        if not isinstance(given, list):
            raise FetchError("its document of keys has no list of them")
        self._keys = [key for each in given if (key := _parse(each)) is not None]


def _parse(document: Any) -> PublishedKey | None:
    """Return a key (RFC 7517), ``None`` for one that verifies no tokens."""
    from jwt import PyJWK
    from jwt.exceptions import PyJWTError

    if not isinstance(document, dict) or document.get("use", "sig") != "sig":
        return None
    try:
        public = PyJWK(document).key
    except (PyJWTError, TypeError, ValueError) as error:
        log.debug("an issuer has an unusable key: %s", error)
        return None
    key_id = document.get("kid")
    return PublishedKey(key_id if isinstance(key_id, str) else "", public)
