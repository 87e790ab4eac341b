"""What the paths that are about no resource answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from apiserver.endpoints.buffered_response import BufferedResponse
from apiserver.endpoints.health import Health
from apiserver.endpoints.metrics import Metrics
from apiserver.endpoints.non_resource import NonResourcePaths
from apiserver.endpoints.openapi.service import OpenAPIService
from apiserver.machinery.errors import MethodNotSupported, NotAcceptable, NotFound
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin.kinds import builtin_catalog
from apiserver.resources.definition import ResourceDefinition
from tests.unit.endpoints.made_requests import made_request
from tests.unit.kinds import plain_kind

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
PLAIN_404 = (404, b"404 page not found\n", "text/plain; charset=utf-8")
ISSUER = {
    "/.well-known/openid-configuration": b'{"issuer":"https://kubernetes.default.svc"}',
    "/openid/v1/jwks": b'{"keys":[]}',
}
GOOSE = ResourceDefinition(
    group="example.com",
    version="v1",
    resource="geese",
    kind="Goose",
    singular="goose",
    namespaced=True,
    verbs=("get", "list"),
    storage_kind=GroupVersionKind("example.com", "v1", "Goose"),
    storage_prefix="example.com/geese",
    list_kind="GooseList",
    custom=True,
)


async def healthy() -> None:
    return


class Server:
    """As much of a server as these paths need."""

    def __init__(self, issuer: Mapping[str, bytes] = ISSUER) -> None:
        self.catalog = builtin_catalog()
        self.catalog.replace(added=[plain_kind(GOOSE)])
        self.paths = NonResourcePaths(
            catalog=self.catalog,
            health=Health({"healthz": {"ping": healthy}, "livez": {}, "readyz": {}}),
            metrics=Metrics(),
            openapi=OpenAPIService(self.catalog),
            address="127.0.0.1:6443",
            issuer=issuer,
        )

    async def ask(
        self, target: str, method: str = "GET", **headers: str
    ) -> web.Response | BufferedResponse:
        """Answer a request; underscores in the names of headers stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = made_request(method, target, named)
        response = await self.paths.handle(request)
        assert isinstance(response, web.Response | BufferedResponse)
        return response


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


def summary(response: web.Response) -> tuple[int, Any, str]:
    return response.status, response.body, response.headers["Content-Type"]


@pytest.mark.parametrize(
    "target",
    [
        "/nowhere", "/version/x", "/healthz/nothing", "/healthz/ping/x", "/healthz/", "/metrics/",
        "/metrics/x", "/apis/nope.example.com", "/apis/nope.example.com/v1", "/apis/example.com/v2",
        "/openapi", "/openapi/v1", "/openapi/v2/x", "/openid/v2/jwks", "/.well-known/x",
        "/index.html/x",
    ],
)  # fmt: skip
async def test_an_unknown_path_is_a_plain_404(server: Server, target: str) -> None:
    assert summary(await server.ask(target)) == PLAIN_404


@pytest.mark.parametrize("target", ["/api/v2", "/apis/apps/v1beta9"])
async def test_below_a_group_of_the_server_it_is_a_status(server: Server, target: str) -> None:
    with pytest.raises(NotFound, match="could not find the requested resource"):
        await server.ask(target)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("/api", "APIVersions"),
        ("/api/", "APIVersions"),
        ("/api/v1", "APIResourceList"),
        ("/api/v1/", "APIResourceList"),
        ("/apis", "APIGroupList"),
        ("/apis/", "APIGroupList"),
        ("/apis/apps", "APIGroup"),
        ("/apis/apps/", "APIGroup"),
        ("/apis/apps/v1", "APIResourceList"),
        ("/apis/example.com", "APIGroup"),
        ("/apis/example.com/v1", "APIResourceList"),
    ],
)
async def test_discovery(server: Server, target: str, kind: str) -> None:
    status, body, media_type = summary(await server.ask(target))
    assert (status, media_type) == (200, "application/json")
    assert json.loads(body)["kind"] == kind


@pytest.mark.parametrize(
    ("target", "method"),
    [
        ("/version", "POST"),
        ("/version", "HEAD"),
        ("/api", "POST"),
        ("/api/v1", "DELETE"),
        ("/apis/apps/v1", "PUT"),
        ("/openid/v1/jwks", "POST"),
    ],
)
async def test_paths_that_take_get_alone(server: Server, target: str, method: str) -> None:
    with pytest.raises(MethodNotSupported):
        await server.ask(target, method)


@pytest.mark.parametrize("target", ["/healthz", "/apis", "/apis/apps", "/openapi/v3", "/"])
async def test_paths_that_take_any_method(server: Server, target: str) -> None:
    assert (await server.ask(target, "POST")).status == 200


async def test_discovery_can_be_asked_for_in_one_document(server: Server) -> None:
    response = await server.ask("/apis", Accept=f"{AGGREGATED},application/json")
    assert response.headers["Content-Type"] == AGGREGATED
    assert response.headers["Vary"] == "Accept"
    assert response.headers["Cache-Control"] == "public"
    tag = response.headers["ETag"]
    again = await server.ask("/apis", Accept=AGGREGATED, If_None_Match=f'"other", {tag}')
    assert (again.status, again.body, again.headers["ETag"]) == (304, None, tag)


async def test_a_new_resource_has_a_new_tag() -> None:
    server = Server()
    before = await server.ask("/apis", Accept=AGGREGATED)
    swan = replace(GOOSE, resource="swans", kind="Swan")
    server.catalog.replace(added=[plain_kind(swan)])
    after = await server.ask("/apis", Accept=AGGREGATED)
    assert before.headers["ETag"] != after.headers["ETag"]
    core = await server.ask("/api", Accept=AGGREGATED)
    assert core.headers["ETag"] != after.headers["ETag"]


async def test_an_aggregated_form_of_another_version_is_not_acceptable(server: Server) -> None:
    with pytest.raises(NotAcceptable):
        await server.ask("/apis", Accept=AGGREGATED.replace("v=v2", "v=v9"))


@pytest.mark.parametrize("target", ["/", "/index.html"])
async def test_the_index_lists_every_path(server: Server, target: str) -> None:
    body = (await server.ask(target)).body
    assert isinstance(body, bytes)
    assert body.startswith(b'{\n  "paths": [\n    "/.well-known/openid-configuration"')
    paths = json.loads(body)["paths"]
    assert paths == sorted(paths)
    assert {
        "/apis/apps", "/apis/apps/v1", "/apis/example.com/v1", "/healthz/ping", "/openid/v1/jwks"
    } < set(paths)  # fmt: skip


@pytest.mark.parametrize("target", ["/version", "/version/"])
async def test_the_version_is_indented(server: Server, target: str) -> None:
    response = await server.ask(target)
    assert isinstance(response.body, bytes)
    assert response.body.startswith(b'{\n  "major": "1",\n')


async def test_health_is_text(server: Server) -> None:
    response = await server.ask("/healthz?verbose")
    body = b"[+]ping ok\nhealthz check passed\n"
    assert summary(response) == (200, body, "text/plain; charset=utf-8")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert (await server.ask("/healthz/ping")).body == b"ok"


@pytest.mark.parametrize(
    ("target", "media_type"),
    [
        ("/.well-known/openid-configuration", "application/json"),
        ("/.well-known/openid-configuration/", "application/json"),
        ("/openid/v1/jwks", "application/jwk-set+json"),
    ],
)
async def test_the_issuer_is_published(server: Server, target: str, media_type: str) -> None:
    response = await server.ask(target)
    assert summary(response) == (200, ISSUER[target.rstrip("/")], media_type)
    assert response.headers["Cache-Control"] == "public, max-age=3600"


async def test_without_an_issuer_there_is_nothing_to_publish() -> None:
    assert summary(await Server(issuer={}).ask("/openid/v1/jwks")) == PLAIN_404


async def test_a_document_can_be_kept_while_its_tag_is_that_of_the_index(server: Server) -> None:
    index = await server.ask("/openapi/v3")
    assert index.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert isinstance(index.body, bytes)
    url = json.loads(index.body)["paths"]["version"]["serverRelativeURL"]
    response = await server.ask(url)
    assert response.headers["Cache-Control"] == "public, immutable"
    assert "Expires" in response.headers
    assert response.headers["Vary"] == "Accept"
    tag = response.headers["ETag"]
    assert url.endswith(f"?hash={tag.strip(chr(34))}")
    assert (await server.ask(url, If_None_Match=tag)).status == 304
    unhashed = await server.ask("/openapi/v3/version")
    assert "Cache-Control" not in unhashed.headers
    moved = await server.ask("/openapi/v3/version?hash=OLD")
    assert (moved.status, moved.headers["Location"]) == (301, url)


async def test_an_unknown_document_is_an_empty_404(server: Server) -> None:
    response = await server.ask("/openapi/v3/apis/nope/v1")
    assert (response.status, response.body) == (404, None)


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("application/json;q=0.5,text/html", 200),
        ("*/*", 200),
        ("application/com.github.proto-openapi.spec.v2@v1.0+protobuf", 406),
        ("text/html", 406),
    ],
)
async def test_the_form_of_a_document_is_negotiated(
    server: Server, accept: str, status: int
) -> None:
    response = await server.ask("/openapi/v3/version", Accept=accept)
    assert (response.status, response.headers["Vary"]) == (status, "Accept")


@pytest.mark.parametrize("separator", "@.")
@pytest.mark.parametrize(
    ("target", "version"), [("/openapi/v2", "v2"), ("/openapi/v3/apis/policy/v1", "v3")]
)
async def test_documents_have_a_second_form(
    server: Server, target: str, version: str, separator: str
) -> None:
    media_type = f"application/com.github.proto-openapi.spec.{version}{{}}v1.0+protobuf"
    response = await server.ask(target, Accept=media_type.format(separator))
    assert response.status == 200
    assert response.headers["Content-Type"] == media_type.format(".")
    assert response.headers.getall("Vary") == ["Accept"]
    plain = await server.ask(target)
    assert plain.headers["ETag"] == response.headers["ETag"]
    assert plain.body != response.body


async def test_a_moved_document_keeps_its_form(server: Server) -> None:
    media_type = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"
    moved = await server.ask("/openapi/v3/version?hash=OLD", Accept=media_type)
    assert (moved.status, moved.body) == (301, None)
    assert moved.headers["Content-Type"] == media_type


async def test_the_index_is_served_like_a_new_file(server: Server) -> None:
    whole = await server.ask("/openapi/v3", Accept_Encoding="gzip")
    assert isinstance(whole.body, bytes)
    assert "ETag" not in whole.headers
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert "Content-Encoding" not in whole.headers
    part = await server.ask("/openapi/v3", Range="bytes=1-7")
    assert (part.status, part.body) == (206, whole.body[1:8])
    assert part.headers["Content-Range"] == f"bytes 1-7/{len(whole.body)}"
    assert part.headers["Content-Type"] == "text/plain; charset=utf-8"
    for date, status in (("2000", 200), ("2999", 304)):
        since = f"Tue, 01 Jan {date} 00:00:00 GMT"
        assert (await server.ask("/openapi/v3", If_Modified_Since=since)).status == status


@pytest.mark.parametrize("target", ["/openapi/v2", "/openapi/v3/version"])
async def test_documents_are_served_like_files(server: Server, target: str) -> None:
    part = await server.ask(target, Range="bytes=0-0", Accept_Encoding="gzip")
    assert (part.status, part.body, part.headers["Vary"]) == (206, b"{", "Accept")
    since = part.headers["Last-Modified"]
    kept = await server.ask(target, If_Modified_Since=since)
    assert (kept.status, kept.headers["ETag"]) == (304, part.headers["ETag"])
    assert (await server.ask(target, If_None_Match='"x"', If_Modified_Since=since)).status == 200
    beyond = await server.ask(target, Range="bytes=99999999-")
    assert beyond.status == 416
    assert "ETag" not in beyond.headers


async def test_documents_are_compressed_for_who_takes_it(server: Server) -> None:
    squeezed = await server.ask("/openapi/v3/apis/policy/v1", Accept_Encoding="deflate, gzip")
    assert squeezed.headers["Content-Encoding"] == "gzip"
    assert squeezed.headers.getall("Vary") == ["Accept-Encoding", "Accept"]
    plain = await server.ask("/openapi/v3/apis/policy/v1", Accept_Encoding="deflate")
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["ETag"] == squeezed.headers["ETag"]
    small = await server.ask("/openapi/v3/version", Accept_Encoding="gzip")
    assert "Content-Encoding" not in small.headers


async def test_metrics_are_for_prometheus(server: Server) -> None:
    status, body, media_type = summary(await server.ask("/metrics"))
    assert status == 200
    assert b"apiserver_request" in body
    assert media_type.startswith("text/plain; version=")
