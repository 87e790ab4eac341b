"""Which headers of a request a backend gets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from multidict import CIMultiDict

from apiserver.access.authentication.front_proxy import ProxyHeaders
from apiserver.endpoints.proxy_headers import RequestHeaders

CUSTOM = ProxyHeaders(("X-User",), ("X-Uid",), ("X-Team",), ("x-detail-",))
SENT = {
    "Accept": "text/html",
    "Authorization": "Bearer t",
    "Impersonate-User": "jane",
    "X-Remote-User": "jane",
    "x-user": "jane",
    "X-Uid": "7",
    "X-Team": "a",
    "X-Detail-Scopes": "read",
    "X-Forwarded-For": "10.0.0.1",
}


@pytest.mark.parametrize(
    ("configured", "kept"),
    [
        (None, {"Accept", "x-user", "X-Uid", "X-Team", "X-Detail-Scopes"}),
        (CUSTOM, {"Accept"}),
    ],
)
def test_what_is_for_this_server_alone_does_not_pass(
    configured: ProxyHeaders | None, kept: set[str]
) -> None:
    http = SimpleNamespace(headers=CIMultiDict(SENT), remote="127.0.0.1")
    request = cast("Any", SimpleNamespace(http=http, info=SimpleNamespace(path="/p")))
    headers = RequestHeaders(configured)
    passed = dict(headers.upgrade(request))
    assert passed.pop("X-Forwarded-For") == "10.0.0.1, 127.0.0.1"
    assert passed.keys() == kept
    added = {"X-Forwarded-For", "X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-Proto"}
    assert dict(headers.forwarded(request)).keys() == kept | added
