"""Which requests are of which flow."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.flowcontrol.flow_control import FlowControl
from apiserver.access.flowcontrol.flow_schemas import FlowRequest, FlowSchema
from apiserver.machinery.users import AUTHENTICATED, MASTERS, UserInfo
from apiserver.resources.builtin.flowcontrol.bootstrap import (
    bootstrap_flow_schemas,
    bootstrap_priority_levels,
)

JANE = UserInfo("jane", groups=("dev", AUTHENTICATED))
ACCOUNT = UserInfo("system:serviceaccount:ns:robot", groups=("system:serviceaccounts",))


def schema(subject: dict[str, Any], rule: dict[str, Any], method: str = "") -> FlowSchema:
    kind = "nonResourceRules" if "nonResourceURLs" in rule else "resourceRules"
    spec: dict[str, Any] = {
        "priorityLevelConfiguration": {"name": "low"},
        "matchingPrecedence": 5,
        "rules": [{"subjects": [subject], kind: [rule]}],
    }
    if method:
        spec["distinguisherMethod"] = {"type": method}
    return FlowSchema({"metadata": {"name": "s", "uid": "u"}, "spec": spec})


def resources(
    verbs: str = "*",
    groups: str = "*",
    names: str = "*",
    spaces: str = "*",
    *,
    cluster: bool = True,
) -> dict[str, Any]:
    return {
        "verbs": verbs.split(),
        "apiGroups": ["" if group == "core" else group for group in groups.split()],
        "resources": names.split(),
        "namespaces": spaces.split(),
        "clusterScope": cluster,
    }


def paths(*of: str, verb: str = "get") -> dict[str, Any]:
    return {"verbs": [verb], "nonResourceURLs": list(of)}


def user(name: str) -> dict[str, Any]:
    return {"kind": "User", "user": {"name": name}}


def group(name: str) -> dict[str, Any]:
    return {"kind": "Group", "group": {"name": name}}


def account(namespace: str, name: str) -> dict[str, Any]:
    return {"kind": "ServiceAccount", "serviceAccount": {"namespace": namespace, "name": name}}


def asked(by: UserInfo = JANE, **attributes: Any) -> FlowRequest:
    usual = {"verb": "get", "path": "/", "is_resource": True, "resource": "pods", "namespace": "a"}
    return FlowRequest(by, **{**usual, **attributes})


@pytest.mark.parametrize(
    ("subject", "by", "matches"),
    [
        (user("jane"), JANE, True),
        (user("jan"), JANE, False),
        (user("*"), JANE, True),
        (group("dev"), JANE, True),
        (group("ops"), JANE, False),
        (group("*"), JANE, True),
        (account("ns", "robot"), ACCOUNT, True),
        (account("ns", "*"), ACCOUNT, True),
        (account("n", "*"), ACCOUNT, False),
        (account("ns", "rob"), ACCOUNT, False),
        (account("ns", "*"), JANE, False),
    ],
)
def test_subjects(subject: dict[str, Any], by: UserInfo, *, matches: bool) -> None:
    assert schema(subject, resources()).matches(asked(by)) is matches


@pytest.mark.parametrize(
    ("rule", "attributes", "matches"),
    [
        (resources(), {}, True),
        (resources("list watch"), {}, False),
        (resources("list get"), {}, True),
        (resources(groups="core"), {}, True),
        (resources(groups="apps"), {}, False),
        (resources(names="pods"), {}, True),
        (resources(names="pods"), {"resource": "pods/status"}, False),
        (resources(names="pods/status"), {"resource": "pods/status"}, True),
        (resources(spaces="b"), {}, False),
        (resources(spaces="b a"), {}, True),
        (resources(), {"namespace": ""}, True),
        (resources(cluster=False), {"namespace": ""}, False),
        (resources(spaces="b"), {"namespace": ""}, True),
        (resources(), {"is_resource": False}, False),
        (paths("*"), {}, False),
        (paths("*"), {"is_resource": False, "path": "/x"}, True),
        (paths("/x"), {"is_resource": False, "path": "/x"}, True),
        (paths("/x"), {"is_resource": False, "path": "/x/y"}, True),
        (paths("/x"), {"is_resource": False, "path": "/xy"}, False),
        (paths("/x/*"), {"is_resource": False, "path": "/xy"}, False),
        (paths("/x/*"), {"is_resource": False, "path": "/x/y"}, True),
        (paths("/x", verb="post"), {"is_resource": False, "path": "/x"}, False),
    ],
)
def test_rules(rule: dict[str, Any], attributes: dict[str, Any], *, matches: bool) -> None:
    assert schema(user("*"), rule).matches(asked(**attributes)) is matches


@pytest.mark.parametrize(
    ("method", "flow"),
    [("", ("s", "")), ("ByUser", ("s", "jane")), ("ByNamespace", ("s", "a"))],
)
def test_flows_are_of_users_or_of_namespaces(method: str, flow: tuple[str, str]) -> None:
    assert schema(user("*"), resources(), method).flow(asked()) == flow


@pytest.mark.parametrize(
    ("request_", "name", "level"),
    [
        (asked(UserInfo("a", groups=(MASTERS,))), "exempt", "exempt"),
        (asked(is_resource=False, path="/readyz"), "probes", "exempt"),
        (asked(is_resource=False, path="/version"), "global-default", "global-default"),
        (asked(), "global-default", "global-default"),
        (asked(UserInfo("nobody")), "catch-all", "catch-all"),
        (asked(ACCOUNT), "service-accounts", "workload-low"),
        (
            asked(
                UserInfo("system:serviceaccount:kube-system:x"),
                verb="update",
                group="coordination.k8s.io",
                resource="leases",
            ),
            "system-leader-election",
            "leader-election",
        ),
        (
            asked(
                UserInfo("system:node:n", groups=("system:nodes",)), resource="nodes", namespace=""
            ),
            "system-node-high",
            "node-high",
        ),
        (asked(UserInfo("system:node:n", groups=("system:nodes",))), "system-nodes", "system"),
        (asked(UserInfo("system:kube-scheduler")), "kube-scheduler", "workload-high"),
    ],
)
def test_the_default_schemas_classify_as_upstream(
    request_: FlowRequest, name: str, level: str
) -> None:
    control = FlowControl(600, bootstrap_flow_schemas(), bootstrap_priority_levels())
    found, in_level = control.classify(request_)
    assert (found.name, in_level.name) == (name, level)
