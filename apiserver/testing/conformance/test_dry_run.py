"""Requests with dryRun=All get the usual response and change nothing."""

from __future__ import annotations

from apiserver.testing.conformance.conformance_client import MERGE_PATCH, Api
from apiserver.testing.conformance.sample_objects import config_map

DRY = "?dryRun=All"


def test_nothing_is_created(api: Api, configmaps: str) -> None:
    created = api.make(configmaps + DRY, config_map("a", k="v"))
    assert created["metadata"]["uid"]
    assert created["data"] == {"k": "v"}
    assert api.get(f"{configmaps}/a").status == 404


def test_nothing_is_changed_or_deleted(api: Api, configmaps: str) -> None:
    path = f"{configmaps}/a"
    created = api.make(configmaps, config_map("a", k="1"))
    updated = api.send("PUT", path + DRY, created | {"data": {"k": "2"}})
    patched = api.send("PATCH", path + DRY, {"data": {"k": "2"}}, MERGE_PATCH)
    assert updated.json["data"] == patched.json["data"] == {"k": "2"}
    assert api.send("DELETE", path + DRY).status == 200
    assert api.read(path) == created


def test_what_would_fail_fails(api: Api, configmaps: str) -> None:
    api.make(configmaps, config_map("a"))
    assert api.send("POST", configmaps + DRY, config_map("a")).status == 409
    assert api.send("POST", configmaps + DRY, config_map("Not a name")).status == 422


def test_other_values_are_refused(api: Api, configmaps: str) -> None:
    assert api.send("POST", f"{configmaps}?dryRun=Some", config_map("a")).status in (400, 422)
    assert api.get(f"{configmaps}/a").status == 404
