"""Managers apply their intent, own its fields, and conflict over them."""

from __future__ import annotations

from typing import Any

from apiserver.testing.conformance.conformance_client import (
    APPLY_PATCH,
    MERGE_PATCH,
    Answer,
    Api,
    selecting,
)
from apiserver.testing.conformance.sample_objects import config_map


def apply(api: Api, path: str, manager: str, document: Any, **parameters: str) -> Answer:
    query = selecting(fieldManager=manager, **parameters)
    return api.send("PATCH", path + query, document, APPLY_PATCH)


def intent(**data: str) -> dict[str, Any]:
    document = config_map("a")
    del document["metadata"]["labels"]
    return document | {"data": data}


def test_apply_creates_and_owns(api: Api, configmaps: str) -> None:
    answer = apply(api, f"{configmaps}/a", "one", intent(k="1"))
    assert answer.status == 201
    (entry,) = answer.json["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("one", "Apply")
    assert entry["fieldsV1"] == {"f:data": {"f:k": {}}}


def test_what_another_manager_owns_is_a_conflict(api: Api, configmaps: str) -> None:
    path = f"{configmaps}/a"
    apply(api, path, "one", intent(k="1"))
    refused = apply(api, path, "two", intent(k="2"))
    assert (refused.status, refused.json["reason"]) == (409, "Conflict")
    (cause,) = refused.json["details"]["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldManagerConflict", ".data.k")
    forced = apply(api, path, "two", intent(k="2"), force="true")
    assert forced.json["data"] == {"k": "2"}
    owners = {each["manager"]: each for each in forced.json["metadata"]["managedFields"]}
    assert "f:k" in owners["two"]["fieldsV1"]["f:data"]
    assert "f:data" not in owners.get("one", {}).get("fieldsV1", {})


def test_equal_values_are_owned_together(api: Api, configmaps: str) -> None:
    path = f"{configmaps}/a"
    apply(api, path, "one", intent(k="1"))
    shared = apply(api, path, "two", intent(k="1"))
    assert shared.status == 200
    assert {each["manager"] for each in shared.json["metadata"]["managedFields"]} == {"one", "two"}
    # What one gives up remains, because the other still wants it.
    left = apply(api, path, "one", intent())
    assert left.json["data"] == {"k": "1"}


def test_what_is_no_longer_applied_is_removed(api: Api, configmaps: str) -> None:
    path = f"{configmaps}/a"
    apply(api, path, "one", intent(k="1", other="2"))
    assert apply(api, path, "one", intent(k="1")).json["data"] == {"k": "1"}


def test_updates_own_what_they_change(api: Api, configmaps: str) -> None:
    path = f"{configmaps}/a"
    apply(api, path, "one", intent(k="1", other="2"))
    query = selecting(fieldManager="two")
    answer = api.send("PATCH", path + query, {"data": {"k": "3"}}, MERGE_PATCH)
    owners = {
        (each["manager"], each["operation"]): each["fieldsV1"]
        for each in answer.json["metadata"]["managedFields"]
    }
    assert owners["two", "Update"] == {"f:data": {"f:k": {}}}
    assert owners["one", "Apply"] == {"f:data": {"f:other": {}}}


def test_an_applied_intent_needs_a_manager_and_no_managed_fields(api: Api, configmaps: str) -> None:
    path = f"{configmaps}/a"
    # The status of this mistake has differed between versions.
    assert api.send("PATCH", path, intent(k="1"), APPLY_PATCH).status in (400, 422)
    managed = intent(k="1")
    managed["metadata"]["managedFields"] = [{"manager": "one", "operation": "Apply"}]
    assert apply(api, path, "one", managed).status == 400
    assert api.get(path).status == 404


def test_applying_the_same_again_makes_no_version(api: Api, configmaps: str) -> None:
    path = f"{configmaps}/a"
    first = apply(api, path, "one", intent(k="1")).json
    assert apply(api, path, "one", intent(k="1")).json == first
