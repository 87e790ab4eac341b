"""Fetches the documents of issuers over HTTPS."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, Final, Protocol

from apiserver.client.client_tls import client_context
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_json
from apiserver.machinery.errors import RequestEntityTooLarge

if TYPE_CHECKING:
    from aiohttp import ClientSession

#: Seconds that one request may take, and bytes that a document may have.
TIMEOUT: Final = 30.0
MAX_BYTES: Final = 1024 * 1024


class FetchError(Exception):
    """Fetching a document failed; the message says why."""


class DocumentSource(Protocol):
    """A source of documents."""

    async def fetch(self, url: str) -> Any:
        """Return the JSON document at a URL. Raises FetchError."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class HTTPDocuments:
    """Documents of servers whose certificates ``authority`` (PEM) has signed.

    Empty: one of the authorities that the system trusts.
    """

    def __init__(self, authority: str = "") -> None:
        self._authority = authority
        self._session: ClientSession | None = None

    async def fetch(self, url: str) -> Any:
        """Return the JSON document at a URL. Raises FetchError."""
        from aiohttp import ClientError

        try:
            session = await self._opened()
            async with session.get(url) as response:
                data = await response.content.read(MAX_BYTES + 1)
                while len(data) <= MAX_BYTES and not response.content.at_eof():
                    data += await response.content.read(MAX_BYTES + 1 - len(data))
                if response.status != 200:
                    raise FetchError(f"{response.status} {response.reason}: {data[:256]!r}")
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise FetchError(f'Get "{url}": {str(error) or type(error).__name__}') from error
        if len(data) > MAX_BYTES:
            raise FetchError(f'Get "{url}": the document has more than {MAX_BYTES} bytes')
        try:
            return parse_json(data)
        except (DocumentError, RequestEntityTooLarge) as error:
            raise FetchError(f'Get "{url}": {error}') from error

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _opened(self) -> ClientSession:
        if self._session is None:
            from aiohttp import ClientSession, ClientTimeout, TCPConnector

            # Reading the authorities of the system takes long.
            context = await asyncio.to_thread(self._context)
            self._session = ClientSession(
                connector=TCPConnector(ssl=context),
                timeout=ClientTimeout(TIMEOUT),
                trust_env=True,
            )
        return self._session

    def _context(self) -> ssl.SSLContext:
        return client_context(self._authority)
