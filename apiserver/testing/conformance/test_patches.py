"""Objects are changed by JSON patch, merge patch and strategic merge patch."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.testing.conformance.conformance_client import (
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    Api,
)
from apiserver.testing.conformance.sample_objects import config_map, deployment


@pytest.mark.parametrize(
    ("media_type", "patch", "data"),
    [
        (MERGE_PATCH, {"data": {"a": None, "c": "3"}}, {"b": "2", "c": "3"}),
        (STRATEGIC_MERGE_PATCH, {"data": {"a": None, "c": "3"}}, {"b": "2", "c": "3"}),
        (STRATEGIC_MERGE_PATCH, {"data": {"$patch": "replace", "c": "3"}}, {"c": "3"}),
        (JSON_PATCH, [{"op": "remove", "path": "/data/a"}], {"b": "2"}),
        (JSON_PATCH, [{"op": "move", "from": "/data/a", "path": "/data/c"}], {"b": "2", "c": "1"}),
        (JSON_PATCH, [{"op": "test", "path": "/data/a", "value": "1"}], {"a": "1", "b": "2"}),
    ],
)
def test_a_patch_changes_what_it_says(
    api: Api, configmaps: str, media_type: str, patch: Any, data: dict[str, str]
) -> None:
    api.make(configmaps, config_map("a", a="1", b="2"))
    answer = api.send("PATCH", f"{configmaps}/a", patch, media_type)
    assert answer.status == 200
    assert answer.json["data"] == data


@pytest.mark.parametrize(
    ("media_type", "patch", "images"),
    [
        (STRATEGIC_MERGE_PATCH, [{"name": "two", "image": "new"}], {"one": "one", "two": "new"}),
        (STRATEGIC_MERGE_PATCH, [{"name": "two", "$patch": "delete"}], {"one": "one"}),
        (MERGE_PATCH, [{"name": "two", "image": "new"}], {"two": "new"}),
    ],
)
def test_lists_are_merged_by_their_key_or_replaced(
    api: Api, namespace: str, media_type: str, patch: Any, images: dict[str, str]
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    api.make(path, deployment("d"))
    document = {"spec": {"template": {"spec": {"containers": patch}}}}
    answer = api.send("PATCH", f"{path}/d", document, media_type)
    assert answer.status == 200
    containers = answer.json["spec"]["template"]["spec"]["containers"]
    assert {each["name"]: each["image"] for each in containers} == images


@pytest.mark.parametrize(
    ("media_type", "patch", "status"),
    [
        (JSON_PATCH, [{"op": "test", "path": "/data/a", "value": "2"}], 422),
        (JSON_PATCH, [{"op": "remove", "path": "/data/none"}], 422),
        (JSON_PATCH, {"data": {}}, 400),
        (MERGE_PATCH, {"data": {"not/a/key": "x"}}, 422),
        (MERGE_PATCH, {"metadata": {"resourceVersion": "1"}}, 409),
        (MERGE_PATCH, {"metadata": {"name": "other"}}, 400),
        ("text/plain", {}, 415),
    ],
)
def test_a_patch_that_is_refused_changes_nothing(
    api: Api, configmaps: str, media_type: str, patch: Any, status: int
) -> None:
    created = api.make(configmaps, config_map("a", a="1"))
    assert api.send("PATCH", f"{configmaps}/a", patch, media_type).status == status
    assert api.read(f"{configmaps}/a") == created


def test_there_must_be_something_to_patch(api: Api, configmaps: str) -> None:
    assert api.send("PATCH", f"{configmaps}/none", {"data": {}}, MERGE_PATCH).status == 404
