"""Lists and objects are shown as tables and as metadata alone."""

from __future__ import annotations

from apiserver.testing.conformance.conformance_client import Api
from apiserver.testing.conformance.sample_objects import config_map, deployment

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def test_a_list_is_a_table(api: Api, namespace: str) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    api.make(path, deployment("d"))
    table = api.get(path, accept=TABLE).json
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = [column["name"] for column in table["columnDefinitions"]]
    assert columns[:5] == ["Name", "Ready", "Up-to-date", "Available", "Age"]
    (row,) = table["rows"]
    assert row["cells"][:2] == ["d", "0/0"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "d"


def test_rows_have_no_objects_or_whole_ones(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a", k="v"))
    path = f"{configmaps}/a?includeObject="
    (without,) = api.get(path + "None", accept=TABLE).json["rows"]
    assert not without.get("object")
    (whole,) = api.get(path + "Object", accept=TABLE).json["rows"]
    assert whole["object"]["data"] == {"k": "v"}


def test_metadata_alone(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a", k="v"))
    one = api.get(f"{configmaps}/a", accept=METADATA).json
    assert (one["kind"], one["metadata"]["name"]) == ("PartialObjectMetadata", "a")
    assert "data" not in one
    found = api.get(configmaps, accept=METADATA_LIST).json
    assert found["kind"] == "PartialObjectMetadataList"
    assert "a" in [item["metadata"]["name"] for item in found["items"]]


def test_what_cannot_be_shown_so_is_not_acceptable(api: Api, configmaps: str) -> None:
    assert (
        api.get(configmaps, accept="application/json;as=Picture;v=v1;g=meta.k8s.io").status == 406
    )
