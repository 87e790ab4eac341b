"""Objects are selected by labels and fields."""

from __future__ import annotations

import pytest

from apiserver.testing.conformance.conformance_client import Api, selecting
from apiserver.testing.conformance.sample_objects import config_map


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("app=x", "a"),
        ("app==x", "a"),
        ("app!=x,conformance", "bc"),
        ("app", "ab"),
        ("!app,conformance", "c"),
        ("app in (x,y)", "ab"),
        ("app notin (x),conformance", "bc"),
        ("app,tier=back", "b"),
    ],
)
def test_labels_select(api: Api, configmaps: str, selector: str, names: str) -> None:
    for name, labels in (("a", {"app": "x"}), ("b", {"app": "y", "tier": "back"}), ("c", {})):
        api.make(configmaps, config_map(name, {"conformance": "", **labels}))
    found = api.read(configmaps + selecting(labelSelector=selector))
    assert "".join(item["metadata"]["name"] for item in found["items"]) == names


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("metadata.name=a", ["a"]),
        ("metadata.name!=a", ["b"]),
        ("metadata.name=a,metadata.name!=a", []),
    ],
)
def test_fields_select(api: Api, configmaps: str, selector: str, names: list[str]) -> None:
    for name in "ab":
        api.make(configmaps, config_map(name, {"conformance": ""}))
    query = selecting(fieldSelector=selector, labelSelector="conformance")
    assert [each["metadata"]["name"] for each in api.read(configmaps + query)["items"]] == names


@pytest.mark.parametrize(
    "query",
    [{"labelSelector": "a=b=c"}, {"labelSelector": "a in"}, {"fieldSelector": "data.k=v"}],
)
def test_selectors_that_are_none_are_refused(
    api: Api, configmaps: str, query: dict[str, str]
) -> None:
    assert api.get(configmaps + selecting(**query)).status == 400


def test_a_selection_is_deleted(api: Api, configmaps: str) -> None:
    for name, labels in (("a", {"app": "x"}), ("b", {"app": "y"})):
        api.make(configmaps, config_map(name, labels))
    assert api.send("DELETE", configmaps + selecting(labelSelector="app=x")).status == 200
    assert api.get(f"{configmaps}/a").status == 404
    assert api.get(f"{configmaps}/b").status == 200
