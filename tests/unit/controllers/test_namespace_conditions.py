"""The conditions of a namespace that is being deleted."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.controllers.namespace.status_conditions import (
    RemainingContent,
    RemainingResource,
    failed_conditions,
    update_conditions,
)
from apiserver.machinery.gvk import GroupVersionResource

CONFIG_MAPS = GroupVersionResource("", "v1", "configmaps")
DEPLOYMENTS = GroupVersionResource("apps", "v1", "deployments")
EARLIER, NOW = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"


def by_type(conditions: list[dict[str, Any]]) -> dict[str, tuple[str, str, str]]:
    return {
        each["type"]: (each["status"], each["reason"], each["lastTransitionTime"])
        for each in conditions
    }


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (RemainingContent(), {}),
        (
            RemainingContent(discovery_error="no answer"),
            {"NamespaceDeletionDiscoveryFailure": ("DiscoveryFailed", "no answer")},
        ),
        (
            RemainingContent(failures=["b failed", "a failed"]),
            {
                "NamespaceDeletionContentFailure": (
                    "ContentDeletionFailed",
                    "Failed to delete all resource types, 2 remaining: a failed, b failed",
                )
            },
        ),
        (
            RemainingContent(
                [RemainingResource(DEPLOYMENTS, 2), RemainingResource(CONFIG_MAPS, 1)]
            ),
            {
                "NamespaceContentRemaining": (
                    "SomeResourcesRemain",
                    "Some resources are remaining: configmaps. has 1 resource instances, "
                    "deployments.apps has 2 resource instances",
                )
            },
        ),
        (
            RemainingContent(
                [
                    RemainingResource(DEPLOYMENTS, 2, {"b.c/d": 2, "a.b/c": 1}),
                    RemainingResource(CONFIG_MAPS, 1, {"b.c/d": 1}),
                ]
            ),
            {
                "NamespaceContentRemaining": (
                    "SomeResourcesRemain",
                    "Some resources are remaining: configmaps. has 1 resource instances, "
                    "deployments.apps has 2 resource instances",
                ),
                "NamespaceFinalizersRemaining": (
                    "SomeFinalizersRemain",
                    "Some content in the namespace has finalizers remaining: "
                    "a.b/c in 1 resource instances, b.c/d in 3 resource instances",
                ),
            },
        ),
    ],
)
def test_there_is_a_complaint_where_there_is_cause(
    content: RemainingContent, expected: dict[str, tuple[str, str]]
) -> None:
    assert failed_conditions(content) == expected


def test_all_is_well_in_five_conditions() -> None:
    assert by_type(update_conditions([], RemainingContent(), NOW)) == {
        "NamespaceDeletionDiscoveryFailure": ("False", "ResourcesDiscovered", NOW),
        "NamespaceDeletionGroupVersionParsingFailure": ("False", "ParsedGroupVersions", NOW),
        "NamespaceDeletionContentFailure": ("False", "ContentDeleted", NOW),
        "NamespaceContentRemaining": ("False", "ContentRemoved", NOW),
        "NamespaceFinalizersRemaining": ("False", "ContentHasNoFinalizers", NOW),
    }


def test_what_is_said_already_is_not_said_anew() -> None:
    before = update_conditions([], RemainingContent([RemainingResource(CONFIG_MAPS, 1)]), EARLIER)
    assert (
        update_conditions(before, RemainingContent([RemainingResource(CONFIG_MAPS, 1)]), NOW)
        == before
    )


def test_a_time_is_that_of_the_last_change_of_the_status() -> None:
    before = update_conditions([], RemainingContent([RemainingResource(CONFIG_MAPS, 2)]), EARLIER)
    fewer = update_conditions(before, RemainingContent([RemainingResource(CONFIG_MAPS, 1)]), NOW)
    assert by_type(fewer)["NamespaceContentRemaining"] == ("True", "SomeResourcesRemain", EARLIER)
    gone = update_conditions(fewer, RemainingContent(), NOW)
    assert by_type(gone)["NamespaceContentRemaining"] == ("False", "ContentRemoved", NOW)
    assert by_type(gone)["NamespaceFinalizersRemaining"][2] == EARLIER


def test_conditions_of_others_stay() -> None:
    foreign = {"type": "example.com/Audited", "status": "True"}
    assert update_conditions([foreign], RemainingContent(), NOW)[0] == foreign
