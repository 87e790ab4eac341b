"""A kind that comes and goes at run time: every verb, over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from apiserver.resources.definition import ResourceDefinition
from tests.unit.server.geese import GROUP, geese
from tests.unit.server.in_process import Answer, InProcess
from tests.waiting import PATIENCE

GEESE = f"/apis/{GROUP}/v1/namespaces/default/geese"
BETA = f"/apis/{GROUP}/v1beta1/namespaces/default/geese"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
MERGE = "application/merge-patch+json"


@pytest.fixture(autouse=True)
def geese_are_served(api: InProcess) -> None:
    api.server.registry.catalog.replace(added=geese())


def definitions() -> list[ResourceDefinition]:
    return [kind.definition for kind in geese()]


def goose(name: str = "a", version: str = "v1", **spec: Any) -> dict[str, Any]:
    kind = {"apiVersion": f"{GROUP}/{version}", "kind": "Goose"}
    return {**kind, "metadata": {"name": name}, "spec": spec}


async def created(api: InProcess, name: str = "a", **spec: Any) -> Answer:
    answer = await api.ask("POST", GEESE, goose(name, **(spec or {"size": 2})))
    assert answer.status == 201, answer.body
    return answer


async def test_what_the_schema_does_not_specify_is_pruned_with_a_warning(api: InProcess) -> None:
    answer = await created(api, size=2, wings=2, any={"b": {"c": 1.0}}, ports=[{"x": 1, "port": 1}])
    assert answer.body["spec"] == {"size": 2, "any": {"b": {"c": 1}}, "ports": [{"port": 1}]}
    assert answer.body["metadata"]["generation"] == 1
    assert answer.headers.getall("Warning") == [
        '299 - "unknown field \\"spec.ports[0].x\\""', '299 - "unknown field \\"spec.wings\\""'
    ]  # fmt: skip
    strict = await api.ask("POST", f"{GEESE}?fieldValidation=Strict", goose("b", wings=2))
    assert (strict.status, strict.message) == (
        400,
        'Goose in version "v1" cannot be handled as a Goose: strict decoding error: '
        'unknown field "spec.wings"',
    )


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (
            {"kind": "Swan"},
            422,
            f'Swan.{GROUP} "a" is invalid: kind: Invalid value: "Swan": must be Goose',
        ),
        (
            {"apiVersion": f"{GROUP}/v1beta1"},
            400,
            f"the API version in the data ({GROUP}/v1beta1) does not match the expected API "
            f"version ({GROUP}/v1)",
        ),
        (
            {"metadata": {"name": "a", "labels": [1]}},
            400,
            'Goose in version "v1" cannot be handled as a Goose: json: cannot unmarshal array into '
            "Go struct field ObjectMeta.labels of type map[string]string",
        ),
    ],
)
async def test_a_body_must_be_what_it_says(
    api: InProcess, changes: dict[str, Any], status: int, message: str
) -> None:
    answer = await api.ask("POST", GEESE, {**goose(), **changes})
    assert (answer.status, answer.message) == (status, message)


async def test_a_body_must_say_what_it_is(api: InProcess) -> None:
    answer = await api.ask("POST", GEESE, b'{"metadata":{"name":"a"}}')
    assert answer.status == 400
    assert 'Object \'Kind\' is missing in \'{"metadata":{"name":"a"}}\'' in answer.message


async def test_items_of_lists_say_what_they_are(api: InProcess) -> None:
    await created(api)
    for path in (GEESE, f"{GEESE}?pretty=true", f"/apis/{GROUP}/v1/geese"):
        listed = (await api.get(path)).body
        assert listed["kind"] == "GooseList"
        assert [(item["apiVersion"], item["kind"]) for item in listed["items"]] == [
            (f"{GROUP}/v1", "Goose")
        ]


async def test_a_table_has_the_columns_of_the_kind(api: InProcess) -> None:
    await created(api, size=3)
    table = (await api.get(GEESE, Accept=TABLE)).body
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size", "Age"]
    assert table["rows"][0]["cells"][:2] == ["a", 3]


async def test_an_update_must_say_of_which_state_it_is(api: InProcess) -> None:
    stored = (await created(api)).body
    refused = await api.ask("PUT", f"{GEESE}/a", goose(size=3))
    assert refused.status == 422
    updated = await api.ask("PUT", f"{GEESE}/a", {**stored, "spec": {"size": 3}})
    assert updated.status == 200
    assert updated.body["metadata"]["generation"] == 2


async def test_three_kinds_of_patches_are_taken_and_strategic_ones_are_not(api: InProcess) -> None:
    await created(api, size=1, ports=[{"name": "x", "port": 1}])
    merged = await api.ask("PATCH", f"{GEESE}/a", {"spec": {"ports": None}}, MERGE)
    assert merged.body["spec"] == {"size": 1}
    operations = [{"op": "replace", "path": "/spec/size", "value": 5}]
    patched = await api.ask(
        "PATCH", f"{GEESE}/a", json.dumps(operations).encode(), "application/json-patch+json"
    )
    assert patched.body["spec"] == {"size": 5}
    unnamed = await api.ask("PATCH", f"{GEESE}/a", {"kind": None}, MERGE)
    assert unnamed.status == 422
    assert "Object 'Kind' is missing in '{" in unnamed.message
    renamed = await api.ask("PATCH", f"{GEESE}/a", {"kind": "Swan"}, MERGE)
    assert renamed.message.endswith('kind: Invalid value: "Swan": must be Goose')
    strategic = "application/strategic-merge-patch+json"
    for path in ("a", "a/status", "a/scale", "nobody"):
        refused = await api.ask("PATCH", f"{GEESE}/{path}", {"spec": {"size": 6}}, strategic)
        assert (refused.status, refused.message) == (
            415,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, "
            "application/apply-patch+yaml",
        )
    protobuf = await api.ask("POST", GEESE, b"k8s\0", "application/vnd.kubernetes.protobuf")
    assert protobuf.status == 415


async def applied(api: InProcess, path: str, document: dict[str, Any], manager: str) -> Answer:
    data = json.dumps(document).encode()
    path = f"{path}/a?fieldManager={manager}"
    return await api.ask("PATCH", path, data, "application/apply-patch+yaml")


async def test_apply_owns_by_the_schema_and_across_versions(api: InProcess) -> None:
    first = await applied(api, GEESE, goose(size=2, tags=["x"]), "one")
    assert first.status == 201, first.body
    second = await applied(api, BETA, goose(version="v1beta1", tags=["y"]), "two")
    assert second.body["spec"] == {"count": 2, "tags": ["x", "y"]}
    conflict = await applied(api, BETA, goose(version="v1beta1", count=3), "two")
    assert conflict.status == 409
    # An owner's fields are named as they are in the version that it used.
    assert conflict.body["details"]["causes"][0]["field"] == ".spec.size"
    given_up = await applied(api, GEESE, goose(size=2), "one")
    assert given_up.body["spec"] == {"size": 2, "tags": ["y"]}
    untyped = await applied(api, GEESE, goose(wings=2), "one")
    assert untyped.status == 500
    assert ".spec.wings: field not declared in schema" in untyped.message


async def test_status_and_scale_are_ways_to_parts_of_the_object(api: InProcess) -> None:
    stored = (await created(api)).body
    status = {**stored, "spec": {"size": 9}, "status": {"replicas": 1, "x": 2}}
    written = await api.ask("PUT", f"{GEESE}/a/status", status)
    assert (written.body["spec"], written.body["status"]) == ({"size": 2}, {"replicas": 1})
    scale = (await api.get(f"{GEESE}/a/scale")).body
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 1, "selector": "a=b"})
    scale["spec"]["replicas"] = 4
    assert (await api.ask("PUT", f"{GEESE}/a/scale", scale)).body["spec"] == {"replicas": 4}
    patched = await api.ask("PATCH", f"{GEESE}/a/scale", {"spec": {"replicas": 5}}, MERGE)
    assert patched.body["spec"] == {"replicas": 5}
    assert (await api.get(f"{GEESE}/a")).body["spec"] == {"size": 5}
    missing = (await api.get(f"{GEESE}/b/scale")).body
    assert missing["message"] == f'geese.{GROUP} "b" not found'


async def test_either_version_shows_what_the_other_wrote(api: InProcess) -> None:
    await api.ask("POST", BETA, goose(version="v1beta1", count=7))
    assert (await api.get(f"{GEESE}/a")).body["spec"] == {"size": 7}
    (item,) = (await api.get(BETA)).body["items"]
    assert (item["apiVersion"], item["spec"]) == (f"{GROUP}/v1beta1", {"count": 7})


async def test_objects_are_deleted_one_by_one_and_together(api: InProcess) -> None:
    for name in "abc":
        await created(api, name)
    assert (await api.ask("DELETE", f"{GEESE}/a")).body["status"] == "Success"
    assert (await api.get(f"{GEESE}/a")).status == 404
    deleted = (await api.ask("DELETE", GEESE)).body
    assert [item["kind"] for item in deleted["items"]] == ["Goose", "Goose"]
    assert (await api.get(GEESE)).body["items"] == []


async def test_open_watches_end_with_the_kind_and_paths_are_gone(api: InProcess) -> None:
    catalog = api.server.registry.catalog
    await created(api)
    watches = [
        await api.session.get(f"{api.url}{path}?watch=true&sendInitialEvents=true"
                              "&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
        for path in (GEESE, BETA)
    ]  # fmt: skip
    for watch, version in zip(watches, ("v1", "v1beta1"), strict=True):
        event = json.loads(await watch.content.readline())
        assert (event["type"], event["object"]["apiVersion"]) == ("ADDED", f"{GROUP}/{version}")
        assert json.loads(await watch.content.readline())["type"] == "BOOKMARK"
    pods = await api.session.get(f"{api.url}/api/v1/pods?watch=true")
    kept = api.server.registry.resource("", "v1", "pods")
    catalog.replace(removed=definitions())
    async with asyncio.timeout(PATIENCE):
        assert [await watch.read() for watch in watches] == [b"", b""]
    gone = await api.ask("GET", f"{GEESE}/a")
    assert (gone.status, gone.body) == (404, b"404 page not found\n")
    assert (await api.ask("GET", f"/apis/{GROUP}")).status == 404
    assert api.server.registry.resource("", "v1", "pods") is kept
    assert not pods.content.at_eof()
    pods.close()
    catalog.replace(added=geese())
    assert (await api.get(f"{GEESE}/a")).body["spec"] == {"size": 2}


@pytest.mark.parametrize(
    ("path", "document", "members"),
    [
        (
            "/api/v1/namespaces/default/configmaps",
            {"metadata": {"name": "a"}, "data": {"k": "v"}},
            "name namespace uid creationTimestamp deletionTimestamp deletionGracePeriodSeconds "
            "labels annotations ownerReferences finalizers managedFields",
        ),
        (
            GEESE,
            goose(size=1),
            "annotations creationTimestamp deletionGracePeriodSeconds deletionTimestamp finalizers "
            "generation labels managedFields name namespace ownerReferences uid",
        ),
    ],
)
async def test_the_order_of_metadata_is_not_that_of_its_changes(
    api: InProcess, path: str, document: dict[str, Any], members: str
) -> None:
    await api.ask("POST", path, document)
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    for change in (
        {"finalizers": ["example.com/f"]},
        {"ownerReferences": [owner]},
        {"annotations": {"a": "b"}},
        {"labels": {"a": "b"}},
    ):
        await api.ask("PATCH", f"{path}/a", {"metadata": change}, MERGE)
    await api.ask("DELETE", f"{path}/a")
    metadata = (await api.get(f"{path}/a")).body["metadata"]
    del metadata["resourceVersion"]
    assert list(metadata) == members.split()
    partial = await api.get(
        f"{path}/a", Accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    )
    assert next(iter(partial.body["metadata"])) == "name"
    assert list(partial.body["metadata"])[-1] == "managedFields"
