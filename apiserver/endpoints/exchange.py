"""Exchange: one request on its way to an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import parse_qs

from aiohttp import web

from apiserver.endpoints.request_info import RequestInfo
from apiserver.machinery.users import ANONYMOUS, UserInfo


@dataclass(slots=True)
class Exchange:
    """The HTTP request and what the filters found out about it."""

    http: web.BaseRequest
    info: RequestInfo
    query: dict[str, list[str]]
    user: UserInfo = ANONYMOUS
    warnings: list[str] = field(default_factory=list)

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.http.method

    def header(self, name: str) -> str:
        """Return a request header, ``""`` where there is none."""
        return self.http.headers.get(name, "")


Handler: TypeAlias = Callable[[Exchange], Awaitable[web.StreamResponse]]

_MAX_PARAMETERS = 1000


def split_target(target: str) -> tuple[str, dict[str, list[str]]]:
    """Split the request target into its path and its query. Raises ValueError."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    if not query:
        return path, {}
    return path, parse_qs(
        query, keep_blank_values=True, errors="replace", max_num_fields=_MAX_PARAMETERS
    )
