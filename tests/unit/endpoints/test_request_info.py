"""What a URL is about."""

from __future__ import annotations

import pytest

from apiserver.endpoints.request_info import NoResourceInPath, RequestInfo, parse


def about(info: RequestInfo) -> tuple[str, ...]:
    return (info.verb, info.group, info.namespace, info.resource, info.name, info.subresource)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", ("list", "", "", "pods", "", "")),
        ("GET", "/api/v1/pods/", ("list", "", "", "pods", "", "")),
        ("POST", "/api/v1/namespaces/a/pods", ("create", "", "a", "pods", "", "")),
        ("PUT", "/api/v1/namespaces/a/pods/p", ("update", "", "a", "pods", "p", "")),
        ("GET", "/api/v1/namespaces/a/pods/p/log", ("get", "", "a", "pods", "p", "log")),
        ("GET", "/api/v1/namespaces", ("list", "", "", "namespaces", "", "")),
        ("GET", "/api/v1/namespaces/a", ("get", "", "a", "namespaces", "a", "")),
        ("PUT", "/api/v1/namespaces/a/status", ("update", "", "a", "namespaces", "a", "status")),
        (
            "PUT",
            "/api/v1/namespaces/a/finalize",
            ("update", "", "a", "namespaces", "a", "finalize"),
        ),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/a/deployments",
            ("deletecollection", "apps", "a", "deployments", "", ""),
        ),
        ("GET", "/apis/apps/v1/watch/deployments", ("watch", "apps", "", "deployments", "", "")),
        (
            "GET",
            "/api/v1/watch/namespaces/a/pods/p",
            ("watch", "", "a", "pods", "p", ""),
        ),
        ("GET", "/api/v1/namespaces/a%2Fpods", ("list", "", "a", "pods", "", "")),
        ("GET", "/api/v1/nodes/%C3%A9", ("get", "", "", "nodes", "é", "")),
    ],
)
def test_paths_below_a_version_are_about_resources(
    method: str, path: str, expected: tuple[str, ...]
) -> None:
    info = parse(method, path)
    assert info.is_resource
    assert about(info) == expected


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/healthz"]
)
def test_other_paths_are_about_no_resource(path: str) -> None:
    info = parse("GET", path)
    assert (info.is_resource, info.verb, info.path) == (False, "get", path)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/api/v1/watch", "/api/v1/watch/", "/apis/no.such/v1/watch", "/api/v1/proxy"]
)
def test_a_path_may_not_end_before_its_resource(method: str, path: str) -> None:
    with pytest.raises(NoResourceInPath):
        parse(method, path)
