"""Requests that no client has sent."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

from aiohttp import EMPTY_PAYLOAD, HttpVersion11
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from apiserver.endpoints.http_request import HTTPRequest, parse_request
from apiserver.machinery.users import ANONYMOUS, UserInfo

_NO_HEADERS: Final[Mapping[str, str]] = {}


def message(
    method: str = "GET",
    target: str = "/",
    headers: Mapping[str, str] = _NO_HEADERS,
    should_close: bool = False,
) -> RawRequestMessage:
    """Return the head of a request."""
    named = CIMultiDictProxy(CIMultiDict(headers))
    version, url = HttpVersion11, URL(target)
    return RawRequestMessage(
        method, target, version, named, (), should_close, None, False, False, url
    )


def made_request(
    method: str,
    target: str,
    headers: Mapping[str, str] = _NO_HEADERS,
    user: UserInfo = ANONYMOUS,
    transport: Any = None,
) -> HTTPRequest:
    """Return a request on a connection that has nothing but a transport."""
    http = SimpleNamespace(remote="127.0.0.1")
    connection: Any = SimpleNamespace(transport=transport, task=None, certificate=None, http=http)
    request = parse_request(message(method, target, headers), EMPTY_PAYLOAD, connection)
    request.user = user
    return request
