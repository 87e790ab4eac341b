"""Which requests a fault hits."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.testing.fault_rules import FaultRules, UnknownFault
from apiserver.testing.request_recorder import Recorded


def request(**fields: Any) -> Recorded:
    usual = {
        "number": 1, "verb": "get", "method": "GET", "path": "/apis/apps/v1/deployments",
        "query": "", "group": "apps", "version": "v1", "resource": "deployments",
        "subresource": "", "namespace": "default", "name": "a", "user_agent": "kopf/1",
        "started": 0.0, "user": "alice", "groups": ("dev", "system:authenticated"),
    }  # fmt: skip
    return Recorded(**{**usual, **fields})


@pytest.mark.parametrize(
    ("conditions", "hit"),
    [
        ({}, True),
        ({"user": "alice"}, True),
        ({"user": "bob"}, False),
        ({"user": "al*"}, True),
        ({"user": ["bob", "alice"]}, True),
        ({"group": "dev"}, True),
        ({"group": "ops"}, False),
        ({"verb": ("get", "list")}, True),
        ({"verb": "list"}, False),
        ({"resource": "deployments"}, True),
        ({"resource": "deployments.apps"}, True),
        ({"resource": "deployments.extensions"}, False),
        ({"resource": "*.apps"}, True),
        ({"resource": "deployments/scale"}, False),
        ({"namespace": "default", "name": "a"}, True),
        ({"namespace": "default", "name": "b"}, False),
        ({"path": "/apis/*"}, True),
        ({"user_agent": "kopf/*"}, True),
    ],
    ids=str,
)
def test_all_conditions_must_hold(conditions: dict[str, Any], *, hit: bool) -> None:
    assert FaultRules().add("drop", {}, conditions).matches(request()) is hit


def test_a_subresource_is_one_of_its_own() -> None:
    rules = FaultRules()
    status = request(subresource="status")
    assert rules.add("drop", {}, {"resource": "deployments/status"}).matches(status)
    assert not rules.add("drop", {}, {"resource": "deployments/scale"}).matches(status)
    assert not rules.add("drop", {}, {"resource": "*"}).matches(request(resource=""))


def hits(conditions: dict[str, Any], number: int) -> list[bool]:
    rule = FaultRules().add("drop", {}, conditions)
    chosen = []
    for _ in range(number):
        chosen.append(rule.chooses(request()))
        if chosen[-1]:
            rule.record_hit(request())
    return chosen


def test_some_are_skipped_and_no_more_are_hit_than_is_said() -> None:
    assert hits({"skip": 1, "count": 2}, 5) == [False, True, True, False, False]


def test_chance_is_the_same_for_the_same_seed() -> None:
    first = hits({"probability": 0.5, "seed": 1}, 200)
    assert first == hits({"probability": 0.5, "seed": 1}, 200)
    assert first != hits({"probability": 0.5, "seed": 2}, 200)
    assert 60 < sum(first) < 140


def test_the_hits_of_a_lifted_fault_stay_known() -> None:
    rules = FaultRules()
    rule = rules.add("drop", {}, {})
    rule.record_hit(request())
    rules.lift(rule.number)
    assert not rules
    assert len(rules.find(rule.number).hits) == 1
    with pytest.raises(UnknownFault):
        rules.find(99)
    with pytest.raises(UnknownFault):
        rules.add("drop", {}, {"colour": "red"})
