"""HTTPRequest: a request and the attributes that filters add to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qs

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from apiserver.endpoints.request_info import RequestInfo, parse
from apiserver.machinery.options import parse_bool
from apiserver.machinery.textcache import cache_by_text
from apiserver.machinery.users import ANONYMOUS, UserInfo

if TYPE_CHECKING:
    from apiserver.access.audit.audit_event import AuditEvent
    from apiserver.endpoints.http_connection import HTTPConnection

Query: TypeAlias = Mapping[str, list[str]]

_READS: Final = frozenset(["get", "list", "watch", "head"])
_MAX_PARAMETERS: Final = 1000
_NO_QUERY: Final[Query] = {}
_LONG_RUNNING_SUBRESOURCES: Final = frozenset(["attach", "exec", "proxy", "log", "portforward"])
# Query strings repeat: clients poll, and controllers list by the same selector.
_MAX_CACHED: Final = 1024


#: Sends the body of a stream, until the stream ends.
StreamBody: TypeAlias = Callable[[], Awaitable[None]]


class RequestLine(NamedTuple):
    """The method and URL of a request, parsed; see `HTTPRequest`."""

    info: RequestInfo
    query: Query
    verb: str
    long_running: bool


class HTTPRequest:
    """An HTTP request, its parsed URL and the attributes that filters add.

    ``message`` is its head; ``content`` is its body, which can be read once. ``verb`` is the
    authorized verb: a list with ``watch`` is a watch. ``long_running`` requests have no deadline
    and do not count as in flight. ``stream_body`` sends the body of a stream, whose response has
    begun: it is called when the filters have returned, so that a stream keeps neither them nor the
    request.
    """

    __slots__ = (
        "annotations", "audit", "authorize_create", "connection", "content", "deadline", "flow",
        "headers", "info", "initialized", "long_running", "message", "query", "stream_body", "user",
        "verb", "warnings",
    )  # fmt: skip

    def __init__(
        self,
        message: RawRequestMessage,
        content: StreamReader,
        connection: HTTPConnection,
        line: RequestLine,
    ) -> None:
        self.message = message
        self.headers = message.headers
        self.content = content
        self.connection = connection
        self.info, self.query, self.verb, self.long_running = line
        self.user: UserInfo = ANONYMOUS
        self.warnings: list[str] = []
        self.stream_body: StreamBody | None = None
        #: Annotations that were made before the audit event exists.
        self.annotations: Sequence[tuple[str, str]] = ()
        #: The draft of the audit events, if the request is audited.
        self.audit: AuditEvent | None = None
        #: The uids of the FlowSchema and the PriorityLevelConfiguration that it is of; by a filter.
        self.flow: tuple[str, str] | None = None
        #: To be called when a watch has sent its initial events; set by a filter.
        self.initialized: Callable[[], None] | None = None
        #: Until when it must be answered, in the time of the event loop; set by a filter.
        self.deadline: float | None = None
        #: Raises Forbidden if the user may not create the object; set for updates and patches.
        self.authorize_create: Callable[[], Awaitable[None]] | None = None

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.message.method

    @property
    def target(self) -> str:
        """The path and the query as the client has sent them."""
        return self.message.path

    @property
    def http(self) -> web.BaseRequest:
        """The request as the responses of aiohttp take it; it exists as long as the request."""
        return self.connection.http

    @property
    def query_cost(self) -> int:
        """How many bytes of a document take as long to parse as the query."""
        # A selector becomes many small objects.
        return 8 * len(self.message.path)

    @property
    def may_write(self) -> bool:
        """Whether the handler may change something, and so is not to be cancelled anywhere."""
        return self.verb not in _READS and not self.long_running

    def annotate(self, key: str, value: str, /) -> None:
        """Add an annotation to the audit events of the request."""
        if self.audit is None:
            self.annotations = (*self.annotations, (key, value))
        else:
            self.audit.annotate(key, value)

    def outlive_client(self) -> None:
        """Complete the request from now on, even if its client disconnects."""
        self.connection.cancellable = None

    def cancellable(self) -> AbstractContextManager[None]:
        """Return a context in which the request is cancelled if its client disconnects."""
        return self.connection.cancelling()

    def header(self, name: str) -> str:
        """Return a request header, ``""`` if it is absent."""
        return self.headers.get(name, "")


Handler: TypeAlias = Callable[[HTTPRequest], Awaitable[web.StreamResponse]]


def parse_request(
    message: RawRequestMessage, content: StreamReader, connection: HTTPConnection
) -> HTTPRequest:
    """Parse the request line. Raises ValueError if it is malformed."""
    line = _request_line(message.method, message.path)
    return HTTPRequest(message, content, connection, line)


@cache_by_text(_MAX_CACHED)
def _request_line(method: str, target: str) -> RequestLine:
    path, encoded = split_target(target)
    query, info = parse_query(encoded), parse(method, path)
    verb = info.verb
    if verb == "list" and "watch" in query and parse_bool(query["watch"][0]):
        verb = "watch"
    long_running = verb == "watch" or info.subresource in _LONG_RUNNING_SUBRESOURCES
    return RequestLine(info, query, verb, long_running)


def split_target(target: str) -> tuple[str, str]:
    """Split the request target into its path and its query, both still encoded."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query


def parse_query(query: str) -> Query:
    """Return the values of each parameter. Raises ValueError when there are too many."""
    return _remembered(query) if query else _NO_QUERY


def _parse(query: str) -> Query:
    return parse_qs(query, keep_blank_values=True, errors="replace", max_num_fields=_MAX_PARAMETERS)


_remembered = cache_by_text(_MAX_CACHED)(_parse)
