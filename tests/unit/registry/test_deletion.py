"""Deletion of objects: at once, or first marked with a deletion timestamp."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.errors import Conflict
from apiserver.machinery.objects import Object
from apiserver.machinery.options import DeleteOptions
from apiserver.registry import deletion
from apiserver.registry.outcome import Outcome, Remove, Save, Unchanged
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.kinds import builtin_kind
from apiserver.resources.strategy import Strategy

NOW = 1_800_000_000
WHEN = "2027-01-15T08:00:00Z"


def strategy(kind: str) -> Strategy:
    return next(
        builtin_kind(each).strategy
        for each in builtin_definitions()
        if (each.group, each.kind) == ("", kind)
    )


NAMESPACES, CONFIG_MAPS = strategy("Namespace"), strategy("ConfigMap")


def namespace(
    spec: list[str], *, ending: bool = False, finalizers: list[str] | None = None
) -> Object:
    metadata: dict[str, Any] = {"name": "n", "uid": "u", "resourceVersion": "7"}
    if finalizers:
        metadata["finalizers"] = finalizers
    if ending:
        metadata["deletionTimestamp"] = WHEN
    phase = "Terminating" if ending else "Active"
    return {"metadata": metadata, "spec": {"finalizers": spec}, "status": {"phase": phase}}


def decide(existing: Object, kind: Strategy = NAMESPACES, **options: Any) -> Outcome:
    return deletion.decide(existing, DeleteOptions(**options), kind, NOW)


def saved(outcome: Outcome) -> Object:
    assert isinstance(outcome, Save)
    return outcome.document


@pytest.mark.parametrize("spec", [["kubernetes"], []])
def test_the_first_delete_of_a_namespace_only_marks_it(spec: list[str]) -> None:
    existing = namespace(spec)
    assert decide(existing) == Save(namespace(spec, ending=True))
    assert existing == namespace(spec)


def test_another_delete_changes_nothing_while_the_spec_holds_a_namespace() -> None:
    existing = namespace(["example.com/hold"], ending=True)
    assert decide(existing, grace_period_seconds=0) == Unchanged()


def test_a_delete_removes_an_ending_namespace_that_nothing_holds() -> None:
    assert decide(namespace([], ending=True)) == Remove()


def test_a_delete_waits_for_the_finalizers_of_an_ending_namespace() -> None:
    marked = saved(decide(namespace([], ending=True, finalizers=["example.com/hold"])))
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0


@pytest.mark.parametrize(
    ("before", "options", "after"),
    [
        ([], {}, []),
        ([], {"propagation_policy": "Background"}, []),
        ([], {"propagation_policy": "Foreground"}, ["foregroundDeletion"]),
        ([], {"propagation_policy": "Orphan"}, ["orphan"]),
        ([], {"orphan_dependents": True}, ["orphan"]),
        ([], {"orphan_dependents": False}, ["foregroundDeletion"]),
        (["orphan"], {}, ["orphan"]),
        (["orphan", "a.b/c"], {"propagation_policy": "Background"}, ["a.b/c"]),
        (
            ["orphan", "a.b/c"],
            {"propagation_policy": "Foreground"},
            ["a.b/c", "foregroundDeletion"],
        ),
    ],
)
def test_the_mark_of_a_namespace_says_how_dependents_fare(
    before: list[str], options: dict[str, Any], after: list[str]
) -> None:
    marked = saved(decide(namespace(["kubernetes"], finalizers=before), **options))
    assert marked["metadata"].get("finalizers", []) == after


@pytest.mark.parametrize(
    ("existing", "finished"),
    [
        (namespace([]), False),
        (namespace([], ending=True), True),
        (namespace(["kubernetes"], ending=True), False),
        (namespace([], ending=True, finalizers=["a.b/c"]), False),
    ],
)
def test_a_namespace_is_finished_when_neither_metadata_nor_spec_hold_it(
    existing: Object, finished: bool
) -> None:
    assert deletion.is_finished(existing, NAMESPACES) is finished


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (
            NAMESPACES,
            {"uid": "x"},
            'namespaces "n": Precondition failed: UID in precondition: x, UID in object meta: u',
        ),
        (
            NAMESPACES,
            {"resource_version": "6"},
            'namespaces "n": Precondition failed: '
            "ResourceVersion in precondition: 6, ResourceVersion in object meta: 7",
        ),
        (
            CONFIG_MAPS,
            {"uid": "x"},
            'ConfigMap "n": the UID in the precondition (x) does not match the UID in record (u). '
            "The object might have been deleted and then recreated",
        ),
        (
            CONFIG_MAPS,
            {"resource_version": "6"},
            'ConfigMap "n": the ResourceVersion in the precondition (6) does not match the '
            "ResourceVersion in record (7). The object might have been modified",
        ),
    ],
)
def test_another_object_than_was_meant_is_not_deleted(
    kind: Strategy, options: dict[str, str], message: str
) -> None:
    with pytest.raises(Conflict) as refusal:
        deletion.check_preconditions(kind, namespace([]), DeleteOptions(**options))  # type: ignore[arg-type]
    assert refusal.value.message == f"Operation cannot be fulfilled on {message}"


def test_what_nothing_holds_goes_at_once() -> None:
    existing = {"metadata": {"name": "c", "uid": "u"}}
    assert decide(existing, CONFIG_MAPS) == Remove()


def test_what_a_finalizer_holds_is_marked() -> None:
    existing = {"metadata": {"name": "c", "uid": "u", "finalizers": ["a.b/c"]}}
    assert saved(decide(existing, CONFIG_MAPS))["metadata"] == {
        **existing["metadata"],  # type: ignore[dict-item]
        "deletionGracePeriodSeconds": 0,
        "deletionTimestamp": WHEN,
    }
