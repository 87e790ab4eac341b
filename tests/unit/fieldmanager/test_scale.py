"""Owners of an object and of its Scale."""

from __future__ import annotations

from typing import Any

from apiserver.fieldmanager import managedfields, scale
from apiserver.fieldmanager.manager import FieldManager
from apiserver.fieldmanager.managers import Manager
from apiserver.fieldmanager.ownership import entry
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin.kinds import builtin_types

PATHS = {"apps/v1": scale.SPEC_REPLICAS}
NOW, LATER = "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"
REPLICAS = {"f:spec": {"f:replicas": {}}}
SCALES = FieldManager(builtin_types(GroupVersionKind("autoscaling", "v1", "Scale")))


def held(manager: Manager, fields: dict[str, Any], time: str | None = NOW) -> dict[str, Any]:
    return entry(manager, "apps/v1", time, fields)


def document(entries: list[dict[str, Any]], replicas: int) -> dict[str, Any]:
    metadata = {"name": "a", "managedFields": scale.to_scale(entries, PATHS)}
    return {
        "apiVersion": scale.API_VERSION,
        "kind": "Scale",
        "metadata": metadata,
        "spec": {"replicas": replicas},
        "status": {"replicas": 0},
    }


APPLIER = held(Manager.applier("me"), {"f:spec": {"f:replicas": {}, "f:paused": {}}})
UPDATER = held(Manager.updater("creator", "apps/v1"), {"f:spec": {"f:selector": {}}})


def test_only_owners_of_the_replicas_are_shown_to_the_scale() -> None:
    entries = scale.to_scale([APPLIER, UPDATER], PATHS)
    assert entries == [
        {**APPLIER, "apiVersion": "autoscaling/v1", "fieldsV1": REPLICAS},
    ]


def test_a_new_owner_of_the_scale_owns_the_replicas_and_nothing_else() -> None:
    live = document([APPLIER, UPDATER], 1)
    desired = {**live, "spec": {"replicas": 5}}
    written = SCALES.update(live, desired, manager="hpa", subresource="scale", now=LATER)
    entries = scale.to_parent([APPLIER, UPDATER], managedfields.of(written), "apps/v1", PATHS)
    hpa = Manager.updater("hpa", "apps/v1", "scale")
    assert entries == [
        {**APPLIER, "fieldsV1": {"f:spec": {"f:paused": {}}}},
        held(hpa, REPLICAS, None),
        UPDATER,
    ]


def test_applied_replicas_are_shared_through_the_scale() -> None:
    live = document([APPLIER], 1)
    applied = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 1}}
    written = SCALES.apply(live, applied, manager="you", subresource="scale", now=LATER)
    entries = scale.to_parent([APPLIER], managedfields.of(written), "apps/v1", PATHS)
    assert entries == [held(Manager.applier("you", "scale"), REPLICAS, None), APPLIER]


def test_entries_of_versions_that_are_gone_are_dropped() -> None:
    old = entry(Manager.updater("old", "apps/v1beta1"), "apps/v1beta1", NOW, REPLICAS)
    assert scale.to_scale([old], PATHS) == []
    assert scale.to_parent([old, UPDATER], [], "apps/v1", PATHS) == [UPDATER]


def test_a_version_without_replicas_keeps_its_entries() -> None:
    paths = {**PATHS, "apps/v2": ()}
    other = entry(Manager.updater("other", "apps/v2"), "apps/v2", NOW, REPLICAS)
    assert scale.to_scale([other], paths) == []
    assert scale.to_parent([other], [], "apps/v1", paths) == [other]
