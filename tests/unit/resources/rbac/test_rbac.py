"""Roles, ClusterRoles and their bindings."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

API = "rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
ROLE, CLUSTER_ROLE = Kind(API, "Role"), Kind(API, "ClusterRole")
BINDING, CLUSTER_BINDING = Kind(API, "RoleBinding"), Kind(API, "ClusterRoleBinding")
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
NAMED = {"metadata": {"name": "a:b"}}
BOUND = {
    **NAMED,
    "roleRef": {"kind": "Role", "name": "r"},
    "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}],
}

RULES = [
    (ROLE, RULE, []),
    (
        ROLE,
        {**RULE, "verbs": []},
        ["rules[0].verbs: Required value: verbs must contain at least one value"],
    ),
    (
        ROLE,
        {"verbs": ["get"]},
        [
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
            "rules[0].resources: Required value: resource rules must supply at least one resource",
        ],
    ),
    (
        ROLE,
        {"nonResourceURLs": ["/x"], "verbs": ["get"]},
        [
            'rules[0].nonResourceURLs: Invalid value: ["/x"]: '
            "namespaced rules cannot apply to non-resource URLs"
        ],
    ),
    (CLUSTER_ROLE, {"nonResourceURLs": ["/x"], "verbs": ["get"]}, []),
    (
        CLUSTER_ROLE,
        {"nonResourceURLs": ["/x"], **RULE},
        [
            'rules[0].nonResourceURLs: Invalid value: ["/x"]: '
            "rules cannot apply to both regular resources and non-resource URLs"
        ],
    ),
]

BINDINGS = [
    (BINDING, {}, []),
    (
        BINDING,
        {"roleRef": {"kind": "Odd", "name": None}},
        [
            'roleRef.kind: Unsupported value: "Odd": supported values: "Role", "ClusterRole"',
            "roleRef.name: Required value",
        ],
    ),
    (
        BINDING,
        {"roleRef": {"apiGroup": "x"}},
        [f'roleRef.apiGroup: Unsupported value: "x": supported values: "{GROUP}"'],
    ),
    (
        BINDING,
        {"subjects": [{"kind": "Odd", "name": "u"}]},
        [
            'subjects[0].kind: Unsupported value: "Odd": supported values: "ServiceAccount", '
            '"User", "Group"'
        ],
    ),
    (
        BINDING,
        {"subjects": [{"kind": "ServiceAccount", "name": "s", "apiGroup": "x"}]},
        ['subjects[0].apiGroup: Unsupported value: "x": supported values: ""'],
    ),
    (
        CLUSTER_BINDING,
        {},
        [
            'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
            "subjects[1].namespace: Required value",
        ],
    ),
]


@pytest.mark.parametrize(("kind", "rule", "errors"), RULES)
def test_rules_allow_something(kind: Kind, rule: Object, errors: list[str]) -> None:
    assert kind.create({**NAMED, "rules": [rule]}).errors == errors


def test_an_aggregation_selects_something() -> None:
    role = {**NAMED, "aggregationRule": {}}
    assert CLUSTER_ROLE.create(role).errors == [
        "aggregationRule.clusterRoleSelectors: Required value: "
        "at least one clusterRoleSelector required if aggregationRule is non-nil"
    ]


@pytest.mark.parametrize(("kind", "changes", "errors"), BINDINGS)
def test_bindings_name_a_role_and_subjects(kind: Kind, changes: Object, errors: list[str]) -> None:
    assert kind.create(merged(BOUND, **changes)).errors == errors


def test_people_belong_to_the_group_of_roles_and_accounts_do_not() -> None:
    made = BINDING.create(BOUND).object
    assert made["roleRef"]["apiGroup"] == GROUP
    assert [subject.get("apiGroup") for subject in made["subjects"]] == [GROUP, None]


def test_the_role_stays() -> None:
    made = BINDING.create(BOUND)
    assert BINDING.update(made, merged(BOUND, roleRef={"name": "other"})).errors == [
        f'roleRef: Invalid value: {{"APIGroup":"{GROUP}","Kind":"Role","Name":"other"}}: '
        "cannot change roleRef"
    ]


def test_names_need_only_fit_a_path() -> None:
    for kind in (ROLE, CLUSTER_ROLE, BINDING, CLUSTER_BINDING):
        assert not kind.strategy.name_problems("a:b")
        assert kind.strategy.allow_create_on_update


def test_a_row_sorts_subjects() -> None:
    subjects = [
        {"kind": "Group", "name": "g"},
        {"kind": "User", "name": "u"},
        {"kind": "User", "name": "v"},
        {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
    ]
    made = BINDING.create(merged(BOUND, subjects=subjects))
    assert BINDING.cells(made) == ["a:b", "Role/r", "<unknown>", "u, v", "g", "n/s"]


def test_a_role_shows_when_it_was_made() -> None:
    made = ROLE.create({"metadata": {"name": "r", "creationTimestamp": "2026-01-01T00:00:00Z"}})
    assert ROLE.cells(made) == ["r", "2026-01-01T00:00:00Z"]
