"""Evictions under disruption budgets."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.errors import Forbidden, TooManyRequests
from apiserver.registry.subresources.disruption import (
    budgets_of,
    can_ignore_budget,
    check,
    disrupted,
    has_ended,
    is_disrupted_already,
)

NOW, BEFORE = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
READY = {"conditions": [{"type": "Ready", "status": "True"}], "phase": "Running"}
UNREADY = {"phase": "Running"}


def pod(status: dict[str, Any] = UNREADY, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "labels": {"app": "a"}, **metadata}, "status": status}


def budget(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "b", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, **spec},
        "status": {"observedGeneration": 1, **(status or {})},
    }


@pytest.mark.parametrize(
    ("given", "already", "ended"),
    [
        (pod(), False, False),
        (pod({"phase": "Pending"}), True, False),
        (pod({"phase": "Succeeded"}), True, True),
        (pod({"phase": "Failed"}), True, True),
        (pod(deletionTimestamp=NOW), True, True),
    ],
)
def test_nothing_is_disrupted_where_nothing_runs(
    given: dict[str, Any], already: bool, ended: bool
) -> None:
    assert (is_disrupted_already(given), has_ended(given)) == (already, ended)


@pytest.mark.parametrize(
    ("selector", "protects"),
    [
        ({"matchLabels": {"app": "a"}}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}, True),
        ({"matchLabels": {"app": "b"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Near", "values": ["a"]}]}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_budget_protects_what_its_selector_selects(selector: Any, protects: bool) -> None:
    given = budget(selector=selector)
    assert budgets_of(pod(), [given]) == ([given] if protects else [])


@pytest.mark.parametrize(
    ("status", "policy", "healthy", "spared"),
    [
        (READY, "AlwaysAllow", (2, 1), False),
        (UNREADY, "AlwaysAllow", (0, 1), True),
        (UNREADY, None, (0, 1), False),
        (UNREADY, "IfHealthyBudget", (1, 1), True),
        (UNREADY, "IfHealthyBudget", (0, 0), False),
    ],
)
def test_a_pod_that_is_not_ready_may_be_spared(
    status: dict[str, Any], policy: str | None, healthy: tuple[int, int], spared: bool
) -> None:
    current, desired = healthy
    given = budget({"currentHealthy": current, "desiredHealthy": desired})
    if policy:
        given["spec"]["unhealthyPodEvictionPolicy"] = policy
    assert can_ignore_budget(given, pod(status)) is spared


FAILED = {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "why"}
REFUSED = [
    (
        {"observedGeneration": 0, "disruptionsAllowed": 1},
        "The disruption budget b is still being processed by the server.",
        10,
    ),
    (
        {"desiredHealthy": 3, "currentHealthy": 2},
        "The disruption budget b needs 3 healthy pods and has 2 currently",
        0,
    ),
    (
        {"conditions": [FAILED]},
        "The disruption budget b does not allow evicting pods currently because it failed sync: "
        "why",
        0,
    ),
    (
        {"currentHealthy": 2, "conditions": [{**FAILED, "reason": "Other"}]},
        "The disruption budget b does not allow evicting pods currently (Other): why",
        0,
    ),
    (
        {"currentHealthy": 2},
        "The disruption budget b does not allow evicting pods currently",
        0,
    ),
]


@pytest.mark.parametrize(("status", "cause", "seconds"), REFUSED)
def test_a_budget_that_is_spent_says_why(status: dict[str, Any], cause: str, seconds: int) -> None:
    with pytest.raises(TooManyRequests) as refusal:
        check(budget(status))
    error = refusal.value
    assert error.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert error.retry_after == seconds
    assert error.details is not None
    assert error.details["causes"] == [{"reason": "DisruptionBudget", "message": cause}]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"disruptionsAllowed": -1}, "pdb disruptions allowed is negative"),
        (
            {"disruptionsAllowed": 1, "disruptedPods": {str(n): NOW for n in range(2001)}},
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        ),
    ],
)
def test_a_budget_that_makes_no_sense_forbids(status: dict[str, Any], why: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        check(budget(status))
    assert refusal.value.message == f'poddisruptionbudget.policy "b" is forbidden: {why}'


def test_a_disruption_is_counted_and_the_pod_written_down() -> None:
    before = budget({"disruptionsAllowed": 2, "disruptedPods": {"q": BEFORE}})
    after = disrupted(before, "p", NOW)
    assert after["status"] == {
        "observedGeneration": 1,
        "disruptionsAllowed": 1,
        "disruptedPods": {"q": BEFORE, "p": NOW},
    }
    assert before["status"]["disruptionsAllowed"] == 2


def test_with_the_last_disruption_the_condition_becomes_false() -> None:
    allowed = {
        "type": "DisruptionAllowed",
        "status": "True",
        "reason": "SufficientPods",
        "message": "",
        "lastTransitionTime": BEFORE,
        "observedGeneration": 1,
    }
    after = disrupted(budget({"disruptionsAllowed": 1, "conditions": [allowed]}), "p", NOW)
    assert after["status"]["conditions"] == [
        {
            **allowed,
            "status": "False",
            "reason": "InsufficientPods",
            "lastTransitionTime": NOW,
        }
    ]
