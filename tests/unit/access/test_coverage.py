"""Rights that are missing for an escalation, and the message that lists them."""

from __future__ import annotations

import pytest

from apiserver.access.authorization.coverage import (
    MAX_RIGHTS,
    TooManyRights,
    describe,
    missing_rules,
)
from apiserver.access.authorization.policy_rules import CompiledRules
from apiserver.machinery.objects import Object
from tests.unit.access.test_rbac import rule

OWN = [
    rule("get list", "pods deployments */scale", "core apps"),
    rule("*", "secrets", names="x"),
    {"verbs": ["get"], "nonResourceURLs": ["/ok/*"]},
]


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (rule("list get", "deployments deployments/scale", "apps"), []),
        (rule("delete", "secrets", names="x"), []),
        ({"verbs": ["get"], "nonResourceURLs": ["/ok/deeper", "/ok/a/*", "/ok/*"]}, []),
        (
            rule("get update delete", "pods"),
            ['{APIGroups:[""], Resources:["pods"], Verbs:["update" "delete"]}'],
        ),
        (
            rule("get", "secrets", names="x y"),
            ['{APIGroups:[""], Resources:["secrets"], ResourceNames:["y"], Verbs:["get"]}'],
        ),
        (
            rule("get", "secrets"),
            ['{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'],
        ),
        (
            rule("get", "pods/log jobs", "core batch"),
            [
                '{APIGroups:[""], Resources:["jobs"], Verbs:["get"]}',
                '{APIGroups:[""], Resources:["pods/log"], Verbs:["get"]}',
                '{APIGroups:["batch"], Resources:["jobs"], Verbs:["get"]}',
                '{APIGroups:["batch"], Resources:["pods/log"], Verbs:["get"]}',
            ],
        ),
        (
            rule("*", "*", "*"),
            ['{APIGroups:["*"], Resources:["*"], Verbs:["*"]}'],
        ),
        (
            {"verbs": ["get", "post"], "nonResourceURLs": ["/ok", "/ok/x"]},
            [
                '{NonResourceURLs:["/ok"], Verbs:["get"]}',
                '{NonResourceURLs:["/ok"], Verbs:["post"]}',
                '{NonResourceURLs:["/ok/x"], Verbs:["post"]}',
            ],
        ),
    ],
)
def test_what_is_not_covered_is_told_line_by_line(wanted: Object, lines: list[str]) -> None:
    assert describe(missing_rules([wanted], CompiledRules(OWN).covers)) == lines


def test_rules_that_multiply_beyond_measure_are_not_compared() -> None:
    many = " ".join(f"x{number}" for number in range(100))
    with pytest.raises(TooManyRights):
        missing_rules([rule(many, many, many)], CompiledRules(OWN).covers)
    assert MAX_RIGHTS < 100**3
