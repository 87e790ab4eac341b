"""Which headers of a request a backend gets."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from apiserver.access.authentication.front_proxy import ProxyHeaders
from apiserver.endpoints.proxy_headers import RequestHeaders
from tests.unit.endpoints.made_requests import made_request

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
    request = made_request("GET", "/p", CIMultiDict(SENT))
    headers = RequestHeaders(configured)
    passed = dict(headers.upgrade(request))
    assert passed.pop("X-Forwarded-For") == "10.0.0.1, 127.0.0.1"
    assert passed.keys() == kept
    added = {"X-Forwarded-For", "X-Forwarded-Uri", "X-Forwarded-Host", "X-Forwarded-Proto"}
    assert dict(headers.forwarded(request)).keys() == kept | added
