"""`WebhookClient`: sends JSON to the webhooks of a cluster, and returns their responses.

A webhook is named by a URL or by a Service. Its certificate is verified with the certificates of
the configuration, for a Service under the name ``NAME.NAMESPACE.svc``. Connections are kept, for
each configuration. Errors are described in the words of Go's HTTP client, which users search for.

Redirects are not followed: a webhook must not choose what the server connects to.
"""

from __future__ import annotations

import asyncio
import errno
import math
import posixpath
import ssl
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, unquote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from apiserver.client.bearer_token_file import BearerTokenFile
from apiserver.client.client_tls import client_context
from apiserver.client.connection_errors import describe_certificate, describe_error
from apiserver.client.webhook_responses import WebhookError, WebhookResponse, check_response
from apiserver.machinery.valueclasses import valueclass

R = TypeVar("R")

_DEFAULT_PORT: Final = 443
#: How many configurations have their connections kept.
_MAX_CACHED: Final = 200
#: How long an unused connection is kept, in seconds.
_IDLE_SECONDS: Final = 90
#: The usual limit of a response.
_MAX_BYTES: Final = 8 * 1024 * 1024
#: How often a request is repeated if the webhook asks for it with Retry-After.
_MAX_RETRIES: Final = 10
_DEADLINE: Final = "context deadline exceeded"
_HEADERS: Final = {
    "Accept": "application/json, */*",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "kube-apiserver-admission",
}
#: What stays as it is in a path, besides letters, digits and ``-._~``.
_PATH_CHARACTERS: Final = "/$&+,:;=@"


class WebhookConfigError(WebhookError):
    """The configuration does not lead to a webhook."""


class ServiceResolver(Protocol):
    """Finds the address of a Service."""

    async def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        """Return a host, which is an IP address or a DNS name, and a port.

        Raises OSError with one argument, the message.
        """
        ...


class Offload(Protocol):
    """Runs pure work on a document of ``size`` bytes, beside the event loop if it is large."""

    async def __call__(self, size: int, work: Callable[[], R], /) -> R: ...


async def run_inline(size: int, work: Callable[[], R], /) -> R:
    """Run work in the event loop, for webhooks whose responses are small."""
    return work()


@valueclass
class Credentials:
    """How the server identifies itself to webhooks.

    ``load`` adds a client certificate, and certificates to trust, to the context of a connection.
    ``server_name`` replaces the name under which the certificate of the webhook is verified.
    ``token_file`` has a bearer token, instead of an ``authorization`` that never changes.
    """

    authorization: str = ""
    load: Callable[[ssl.SSLContext], None] | None = None
    server_name: str = ""
    token_file: BearerTokenFile | None = None

    def current_authorization(self) -> str:
        """Return the Authorization header for a request that is made now, ``""`` for none."""
        if self.token_file is not None:
            return f"Bearer {self.token_file.token()}"
        return self.authorization


NO_CREDENTIALS: Final = Credentials()


def no_credentials(address: str) -> Credentials:
    """Return no credentials for any address."""
    return NO_CREDENTIALS


@valueclass
class WebhookClientConfig:
    """The location of a webhook, and the certificates that verify it.

    It has a ``url``, or the namespace and the name of a Service. ``ca_bundle`` has certificates in
    PEM; without any, those of the operating system are trusted.
    """

    url: str = ""
    namespace: str = ""
    service: str = ""
    path: str = ""
    port: int = _DEFAULT_PORT
    ca_bundle: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> WebhookClientConfig:
        """Return the configuration in a ``clientConfig`` of a valid object.

        Admission webhooks and the conversion webhooks of CustomResourceDefinitions share its form.
        """
        service = document.get("service") or {}
        return cls(
            url=document.get("url") or "",
            namespace=service.get("namespace", ""),
            service=service.get("name", ""),
            path=service.get("path") or "",
            port=service.get("port") or _DEFAULT_PORT,
            ca_bundle=b64decode(document.get("caBundle") or "").decode("latin-1"),
        )

    @property
    def server_name(self) -> str:
        """The name of the Service under which its certificate is verified; ``""`` for a URL."""
        return f"{self.service}.{self.namespace}.svc" if self.service else ""

    @property
    def address(self) -> str:
        """Host and port, by which credentials are chosen. Raises WebhookConfigError."""
        if self.service:
            return f"{self.server_name}:{self.port}"
        parts = urlsplit(self.url)
        try:
            return parts.netloc if parts.port else f"{parts.netloc}:{_DEFAULT_PORT}"
        except ValueError as error:
            raise WebhookConfigError(f"Unparsable URL: {error}") from error

    @property
    def endpoint(self) -> str:
        """The URL without a query."""
        if self.service:
            return f"https://{self.address}{_clean(self.path)}"
        if not self.url:
            raise WebhookConfigError("webhook configuration must have either service or URL")
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{_clean(unquote(parts.path))}"


class WebhookClient:
    """Calls webhooks. ``credentials`` returns those for an address ``host:port``.

    ``offload`` is how responses are decoded, by the client and by those who call it.
    """

    def __init__(
        self,
        resolver: ServiceResolver,
        credentials: Callable[[str], Credentials] = no_credentials,
        offload: Offload = run_inline,
    ) -> None:
        self.offload = offload
        self._resolver = resolver
        self._credentials = credentials
        self._sessions: OrderedDict[WebhookClientConfig, _Session] = OrderedDict()

    async def post(
        self,
        config: WebhookClientConfig,
        body: bytes,
        *,
        timeout: float,
        max_bytes: int = _MAX_BYTES,
    ) -> bytes:
        """Return the response to a JSON document, another one, of at most ``max_bytes``.

        ``timeout``, in seconds, includes repetitions that the webhook asks for. It is sent to the
        webhook, rounded up. Raises WebhookError.
        """
        session = self._session(config)
        url = f"{config.endpoint}?timeout={math.ceil(timeout)}s"
        deadline = asyncio.get_running_loop().time() + timeout
        session.users += 1
        try:
            await self._close_unused()
            response = await session.post(url, body, deadline, max_bytes)
        finally:
            session.users -= 1
        await self.offload(len(response.body), partial(check_response, response))
        return response.body

    async def __aenter__(self) -> WebhookClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        sessions = [session.session for session in self._sessions.values()]
        self._sessions.clear()
        for session in sessions:
            await session.close()

    def _session(self, config: WebhookClientConfig) -> _Session:
        known = self._sessions.get(config)
        if known is not None:
            self._sessions.move_to_end(config)
            return known
        new = _Session(config, self._credentials(config.address), self._resolver)
        self._sessions[config] = new
        return new

    async def _close_unused(self) -> None:
        """Close the connections of those configurations that are too many; the oldest go first."""
        excess = len(self._sessions) - _MAX_CACHED
        if excess <= 0:
            return
        unused = [key for key, session in self._sessions.items() if not session.users]
        for session in [self._sessions.pop(key) for key in unused[:excess]]:
            await session.session.close()


class _Session:
    """The connections of one configuration; ``users`` is the number of calls in progress."""

    def __init__(
        self, config: WebhookClientConfig, credentials: Credentials, resolver: ServiceResolver
    ) -> None:
        self.users = 0
        self._config = config
        self._credentials = credentials
        self._resolver = resolver
        self.server_name = credentials.server_name or config.server_name
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=_context(config, credentials),
                limit=0,
                keepalive_timeout=_IDLE_SECONDS,
                use_dns_cache=False,
                resolver=_ServiceAddress(config, resolver) if config.service else None,
            ),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            headers=_HEADERS,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            cookie_jar=aiohttp.DummyCookieJar(),
            # A compressed response, which is not asked for, is not JSON.
            auto_decompress=False,
        )

    async def post(self, url: str, body: bytes, deadline: float, max_bytes: int) -> WebhookResponse:
        """Return the last response. Raises WebhookError."""
        response = await self._post_once(url, body, deadline, max_bytes)
        for _ in range(_MAX_RETRIES):
            if response.retry_after is None:
                break
            await self._pause(url, response.retry_after, deadline)
            response = await self._post_once(url, body, deadline, max_bytes)
        return response

    async def _pause(self, url: str, seconds: int, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.sleep(seconds)
        except TimeoutError as error:
            raise _failed(url, _DEADLINE) from error

    async def _post_once(
        self, url: str, body: bytes, deadline: float, max_bytes: int
    ) -> WebhookResponse:
        try:
            async with asyncio.timeout_at(deadline):
                answer = await self.session.post(
                    URL(url, encoded=True),
                    data=body,
                    headers=self._headers(url),
                    allow_redirects=False,
                    server_hostname=self.server_name or None,
                )
        except TimeoutError as error:
            raise _failed(url, _DEADLINE) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise _failed(url, await self._refusal(error, deadline)) from error
        except aiohttp.ClientError as error:
            reset = isinstance(error, OSError) and error.errno == errno.ECONNRESET
            raise _failed(url, describe_error(error), is_transient=reset) from error
        except UnicodeError as error:
            # A label of a host name that is empty, or too long.
            host = urlsplit(url).hostname
            raise _failed(url, f"dial tcp: lookup {host}: no such host") from error
        if answer.status == HTTPStatus.UNAUTHORIZED and self._credentials.token_file is not None:
            self._credentials.token_file.expire()
        async with answer:
            content = await _read(answer, deadline, max_bytes)
            return WebhookResponse(answer.status, answer.headers, content)

    def _headers(self, url: str) -> dict[str, str]:
        # The port is named even where it is the default, as in the URL.
        headers = {"Host": urlsplit(url).netloc}
        authorization = self._credentials.current_authorization()
        if authorization:
            headers["Authorization"] = authorization
        return headers

    async def _refusal(
        self, error: aiohttp.ClientConnectorCertificateError, deadline: float
    ) -> str:
        """Return why the certificate of the webhook was refused."""
        config = self._config
        host, port = error.host, error.port or _DEFAULT_PORT
        if config.service:
            service = config.namespace, config.service, config.port
            try:
                host, port = await self._resolver.resolve(*service)
            except OSError as gone:
                return str(gone)
        try:
            async with asyncio.timeout_at(deadline):
                return await describe_certificate(host, port, self.server_name or error.host, error)
        except TimeoutError:
            return _DEADLINE


class _ServiceAddress(AbstractResolver):
    """Resolves the name of a Service, which no DNS server may know."""

    def __init__(self, config: WebhookClientConfig, resolver: ServiceResolver) -> None:
        self._config = config
        self._resolver = resolver
        self._dns = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        config = self._config
        host, port = await self._resolver.resolve(config.namespace, config.service, config.port)
        return await self._dns.resolve(host, port, family)

    async def close(self) -> None:
        await self._dns.close()


def _context(config: WebhookClientConfig, credentials: Credentials) -> ssl.SSLContext:
    try:
        return client_context(config.ca_bundle, credentials.load)
    except (ssl.SSLError, ValueError) as error:
        raise WebhookConfigError(
            "unable to load root certificates: unable to parse bytes as PEM block"
        ) from error


async def _read(answer: aiohttp.ClientResponse, deadline: float, max_bytes: int) -> bytes:
    """Return the body of a response. Raises WebhookError."""
    content = bytearray()
    try:
        async with asyncio.timeout_at(deadline):
            async for piece in answer.content.iter_any():
                content += piece
                if len(content) > max_bytes:
                    # The rest is not read, and the connection is closed with it.
                    answer.close()
                    raise _truncated(f"more than {max_bytes} bytes")
    except TimeoutError as error:
        raise _truncated(_DEADLINE) from error
    except aiohttp.ClientError as error:
        raise _truncated("unexpected EOF") from error
    return bytes(content)


def _failed(url: str, why: str, *, is_transient: bool = False) -> WebhookError:
    return WebhookError(f'Post "{url}": {why}', is_transient=is_transient)


def _truncated(why: str) -> WebhookError:
    return WebhookError(
        "unexpected error when reading response body. Please retry. Original error: " + why
    )


def _clean(path: str) -> str:
    """Return a path without ``.``, ``..``, repeated and final slashes, encoded for a URL."""
    return quote(posixpath.normpath("/" + path.lstrip("/")), safe=_PATH_CHARACTERS)
