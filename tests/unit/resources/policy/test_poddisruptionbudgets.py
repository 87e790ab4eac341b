"""PodDisruptionBudgets."""

from __future__ import annotations

import pytest

from tests.unit.resources.writing import Kind, merged

KIND = Kind("policy/v1", "PodDisruptionBudget")
BUDGET = {
    "metadata": {"name": "a"},
    "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}},
}
NEGATIVE = "must be greater than or equal to 0"

MISTAKES = [
    (
        {"minAvailable": 1, "maxUnavailable": "150%", "selector": None},
        [
            'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":"150%",'
            '"UnhealthyPodEvictionPolicy":null}: '
            "minAvailable and maxUnavailable cannot be both set",
            'spec.maxUnavailable: Invalid value: "150%": must not be greater than 100%',
        ],
    ),
    (
        {"maxUnavailable": 0},
        [
            'spec: Invalid value: {"MinAvailable":"50%","Selector":{"matchLabels":{"a":"b"}},'
            '"MaxUnavailable":0,"UnhealthyPodEvictionPolicy":null}: '
            "minAvailable and maxUnavailable cannot be both set"
        ],
    ),
    ({"minAvailable": -1}, [f"spec.minAvailable: Invalid value: -1: {NEGATIVE}"]),
    (
        {"minAvailable": "101%"},
        ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%'],
    ),
    (
        {"minAvailable": None, "maxUnavailable": -1},
        [f"spec.maxUnavailable: Invalid value: -1: {NEGATIVE}"],
    ),
    (
        {"minAvailable": None, "maxUnavailable": "101%"},
        ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    ),
    (
        {"selector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}},
        [
            'spec.selector.matchExpressions[0].operator: Invalid value: "Like": '
            "not a valid selector operator"
        ],
    ),
    (
        {"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
        [
            "spec.selector.matchExpressions[0].values: Required value: "
            "must be specified when `operator` is 'In' or 'NotIn'"
        ],
    ),
    (
        {"unhealthyPodEvictionPolicy": "Sometimes"},
        [
            'spec.unhealthyPodEvictionPolicy: Unsupported value: "Sometimes": '
            'supported values: "AlwaysAllow", "IfHealthyBudget"'
        ],
    ),
    (
        {"minAvailable": "200%", "unhealthyPodEvictionPolicy": ""},
        [
            'spec.minAvailable: Invalid value: "200%": must not be greater than 100%',
            'spec.unhealthyPodEvictionPolicy: Unsupported value: "": '
            'supported values: "AlwaysAllow", "IfHealthyBudget"',
        ],
    ),
]

CONDITION = {
    "type": "DisruptionAllowed",
    "status": "True",
    "reason": "SufficientPods",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
WHERE = "status.conditions[0]"
STATUS_MISTAKES = [
    ({"conditions": [CONDITION]}, []),
    ({"currentHealthy": -1}, [f"status.currentHealthy: Invalid value: -1: {NEGATIVE}"]),
    (
        {"conditions": [CONDITION, CONDITION]},
        ['status.conditions[1].type: Duplicate value: "DisruptionAllowed"'],
    ),
    (
        {"conditions": [{"type": "a", "status": "Perhaps", "observedGeneration": -1}]},
        [
            f'{WHERE}.status: Unsupported value: "Perhaps": '
            'supported values: "False", "True", "Unknown"',
            f"{WHERE}.observedGeneration: Invalid value: -1: must be greater than or equal to zero",
            f"{WHERE}.lastTransitionTime: Required value: must be set",
            f"{WHERE}.reason: Required value: must be set",
        ],
    ),
    (
        {"conditions": [{**CONDITION, "reason": "not a word"}]},
        [
            f'{WHERE}.reason: Invalid value: "not a word": a condition reason must start with '
            "alphabetic character, optionally followed by a string of alphanumeric characters or "
            "'_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or "
            "'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used "
            "for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')"
        ],
    ),
]


def test_a_budget_has_no_defaults_and_a_generation() -> None:
    written = KIND.create(merged(BUDGET, status={"disruptionsAllowed": 5}))

    assert written.errors == []
    assert written.spec == BUDGET["spec"]
    assert written.object["status"] == {
        "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0,
    }  # fmt: skip
    assert KIND.update(written, merged(BUDGET, spec={"minAvailable": 1})).generation == 2


@pytest.mark.parametrize(("changes", "errors"), MISTAKES)
def test_mistakes_are_all_told_at_once(changes: dict, errors: list[str]) -> None:
    assert KIND.create(merged(BUDGET, spec=changes)).errors == errors


@pytest.mark.parametrize(("status", "errors"), STATUS_MISTAKES)
def test_a_status_is_looked_at(status: dict, errors: list[str]) -> None:
    old = KIND.create(BUDGET)
    assert KIND.update(old, merged(BUDGET, status=status), "status").errors == errors


def test_a_value_that_was_no_label_may_stay_in_a_selector() -> None:
    lapse = {"selector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["-"]}]}}
    document = merged(BUDGET, spec=lapse)
    old = KIND.create(document)
    assert old.errors

    assert KIND.update(old, merged(document, spec={"minAvailable": 1})).errors == []
    assert KIND.update(KIND.create(BUDGET), document).errors == old.errors


def test_an_update_names_the_version_that_it_is_made_of() -> None:
    assert not KIND.strategy.allow_unconditional_update


def test_a_row_shows_what_kubectl_shows() -> None:
    assert KIND.cells(KIND.create(BUDGET)) == ["a", "50%", "N/A", 0, "<unknown>"]
