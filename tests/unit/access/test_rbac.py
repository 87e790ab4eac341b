"""What roles and bindings allow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from apiserver.access.authorization.authorizer import AuthorizationAttributes, Verdict
from apiserver.access.authorization.policy_rules import CompiledRules, PathProbe, Probe
from apiserver.access.authorization.rbac_authorizer import RBACAuthorizer
from apiserver.access.authorization.rbac_index import RBACIndex, binding_of
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo

JANE = UserInfo("jane", groups=("devs", "system:authenticated"))
ROBOT = UserInfo("system:serviceaccount:n:robot", groups=("system:serviceaccounts",))


def rule(verbs: str, resources: str, groups: str = "", names: str = "") -> Object:
    """Return a resource rule; lists are separated by spaces, and ``core`` is the core group."""
    made: Object = {
        "verbs": verbs.split(),
        "apiGroups": ["" if each == "core" else each for each in (groups or "core").split()],
        "resources": resources.split(),
    }
    return {**made, "resourceNames": names.split()} if names else made


def probe(text: str) -> Probe:
    """Return the probe of ``VERB GROUP RESOURCE [NAME]``."""
    verb, group, resource, *name = text.split()
    return Probe(verb, "" if group == "core" else group, resource, name[0] if name else "")


@pytest.mark.parametrize(
    ("given", "allowed", "refused"),
    [
        (
            rule("get list", "pods"),
            ["get core pods", "list core pods", "get core pods p"],
            ["watch core pods", "get apps pods", "get core pods/log", "GET core pods", "* core *"],
        ),
        (rule("*", "pods"), ["get core pods", "anything core pods"], ["get apps pods"]),
        (rule("get", "pods", "*"), ["get core pods", "get apps pods"], ["get core nodes"]),
        (
            rule("get", "*"),
            ["get core pods", "get core pods/log", "get core a/b/c"],
            ["get apps pods"],
        ),
        (rule("get", "pods/log"), ["get core pods/log"], ["get core pods", "get core pods/exec"]),
        (
            rule("get", "*/scale", "*"),
            ["get apps deployments/scale", "get x things/scale"],
            ["get apps deployments", "get apps deployments/status", "get apps scale"],
        ),
        (
            rule("get", "pods/*"),
            ["get core pods/*"],
            ["get core pods/log", "get core pods", "get core *"],
        ),
        (
            rule("get list", "secrets", names="a b"),
            ["get core secrets a", "list core secrets b"],
            ["get core secrets c", "list core secrets"],
        ),
        (rule("get", "PODS"), [], ["get core pods"]),
        ({"verbs": ["get"]}, [], ["get core pods"]),
        ({"verbs": None, "apiGroups": [""], "resources": ["pods"]}, [], ["get core pods"]),
    ],
)
def test_a_rule_allows_what_it_names(given: Object, allowed: list[str], refused: list[str]) -> None:
    # The other rules are about something else, and too many to be listed by their combinations.
    wide = rule(" ".join(f"v{n}" for n in range(50)), " ".join(f"r{n}" for n in range(50)))
    for rules in (CompiledRules([given]), CompiledRules([wide, given])):
        assert [text for text in allowed if not rules.allows(probe(text))] == []
        assert [text for text in refused if rules.allows(probe(text))] == []


def test_rules_add_up() -> None:
    rules = CompiledRules([
        rule("get", "secrets", names="a"),
        rule("get", "secrets", names="b"),
        rule("list", "secrets", names="a"),
        rule("list", "secrets"),
        rule("list", "secrets", names="b"),
    ])  # fmt: skip
    assert [name for name in "abc" if rules.allows(probe(f"get core secrets {name}"))] == ["a", "b"]
    assert rules.allows(probe("list core secrets"))


def test_a_wide_rule_is_kept_as_sets() -> None:
    verbs, names = " ".join(f"v{n}" for n in range(300)), " ".join(f"n{n}" for n in range(300))
    rules = CompiledRules([rule(verbs, "pods */scale", names=names)])
    assert rules.allows(probe("v7 core pods n299"))
    assert rules.allows(probe("v7 core deployments/scale n0"))
    assert not rules.allows(probe("v7 core pods n300"))
    assert not rules.allows(probe("v7 core pods/log n0"))


@pytest.mark.parametrize(
    ("url", "allowed", "refused"),
    [
        ("/a", ["/a"], ["/a/", "/a/b", "/"]),
        ("/a/*", ["/a/", "/a/b", "/a/b/c", "/a/*"], ["/a", "/b"]),
        ("/a*", ["/a", "/ab", "/a/b"], ["/b"]),
        ("*", ["/", "/a", "*"], []),
        ("/*/d", ["/*/d"], ["/x/d", "/x"]),
    ],
)
def test_only_the_end_of_a_path_is_a_wildcard(
    url: str, allowed: list[str], refused: list[str]
) -> None:
    rules = CompiledRules([{"verbs": ["get"], "nonResourceURLs": [url]}])
    assert [path for path in allowed if not rules.allows_path(PathProbe("get", path))] == []
    assert [path for path in refused if rules.allows_path(PathProbe("get", path))] == []
    assert not rules.allows_path(PathProbe("post", allowed[0]))
    assert not rules.allows(probe("get core pods"))


class Roles:
    """A reader of nothing but roles."""

    def __init__(self, roles: dict[str, Object]) -> None:
        self.roles = roles

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        return self.roles.get(f"{namespace}/{name}")

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        return self.roles.values()


def bound(name: str, role: str, *subjects: Object, namespace: str = "") -> Object:
    """Return a binding to ``Role/NAME`` or ``ClusterRole/NAME``."""
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    kind, _, role_name = role.partition("/")
    return {
        "metadata": metadata,
        "subjects": list(subjects),
        "roleRef": {"kind": kind, "name": role_name},
    }


def authorizer(roles: dict[str, list[Object]], *bindings: Object) -> RBACAuthorizer:
    """Return an authorizer of roles, by ``NAMESPACE/NAME``, and bindings."""
    index = RBACIndex()
    for key, rules in roles.items():
        namespace, _, name = key.partition("/")
        index.put_role((namespace, name), CompiledRules(rules))
    for binding in bindings:
        index.put_binding(binding_of(binding))
    return RBACAuthorizer(index, Roles({key: {"rules": rules} for key, rules in roles.items()}))


def asks(user: UserInfo, verb: str, resource: str, namespace: str = "") -> AuthorizationAttributes:
    """Return a request for a resource of the core group."""
    return AuthorizationAttributes(
        user, verb, "", is_resource_request=True, resource=resource, namespace=namespace
    )


USER = {"kind": "User", "name": "jane"}
GROUP = {"kind": "Group", "name": "devs"}
ACCOUNT = {"kind": "ServiceAccount", "name": "robot", "namespace": "n"}
NO_NAMESPACE = {**ACCOUNT, "namespace": ""}
READ = {"/reader": [rule("get", "pods nodes")], "n/local": [rule("get", "secrets")]}
ALLOWED_BY = "RBAC: allowed by "


@pytest.mark.parametrize(
    ("binding", "user", "asked", "reason"),
    [
        (
            bound("b", "ClusterRole/reader", USER), JANE, ("nodes", ""),
            'ClusterRoleBinding "b" of ClusterRole "reader" to User "jane"',
        ),
        (
            bound("b", "ClusterRole/reader", GROUP, USER), JANE, ("pods", "m"),
            'ClusterRoleBinding "b" of ClusterRole "reader" to Group "devs"',
        ),
        (
            bound("b", "ClusterRole/reader", USER, namespace="n"), JANE, ("pods", "n"),
            'RoleBinding "b/n" of ClusterRole "reader" to User "jane"',
        ),
        (
            bound("b", "Role/local", ACCOUNT, namespace="n"), ROBOT, ("secrets", "n"),
            'RoleBinding "b/n" of Role "local" to ServiceAccount "robot/n"',
        ),
        (
            bound("b", "Role/local", {**ACCOUNT, "namespace": ""}, namespace="n"),
            ROBOT, ("secrets", "n"),
            'RoleBinding "b/n" of Role "local" to ServiceAccount "robot/n"',
        ),
        (bound("b", "ClusterRole/reader", USER, namespace="n"), JANE, ("pods", "m"), ""),
        (bound("b", "ClusterRole/reader", USER, namespace="n"), JANE, ("pods", ""), ""),
        (bound("b", "ClusterRole/reader", NO_NAMESPACE), ROBOT, ("pods", "n"), ""),
        (bound("b", "ClusterRole/reader", {**GROUP, "name": "jane"}), JANE, ("pods", ""), ""),
        (bound("b", "ClusterRole/reader", {**USER, "name": "devs"}), JANE, ("pods", ""), ""),
        (bound("b", "ClusterRole/reader", {**USER, "name": "Jane"}), JANE, ("pods", ""), ""),
        (bound("b", "ClusterRole/reader"), JANE, ("pods", ""), ""),
    ],
)  # fmt: skip
async def test_a_binding_gives_its_subjects_the_rules_of_its_role(
    binding: Object, user: UserInfo, asked: tuple[str, str], reason: str
) -> None:
    decision = await authorizer(READ, binding).authorize(asks(user, "get", *asked))
    assert decision.reason == (ALLOWED_BY + reason if reason else "")
    assert (decision.verdict is Verdict.ALLOW) == bool(reason)


async def test_roles_that_do_not_exist_are_told_in_the_refusal() -> None:
    one = bound("a", "Role/gone", USER, namespace="n")
    two = bound("b", "ClusterRole/lost", GROUP, namespace="n")
    again = bound("c", "ClusterRole/lost", GROUP)
    gone = 'role.rbac.authorization.k8s.io "gone" not found'
    lost = 'clusterrole.rbac.authorization.k8s.io "lost" not found'
    for bindings, reason in (
        ([one], f"RBAC: {gone}"),
        ([again, one, two], f"RBAC: [{lost}, {gone}]"),
        ([], ""),
    ):
        asked = asks(JANE, "get", "pods", "n")
        decision = await authorizer({}, *bindings).authorize(asked)
        assert (decision.verdict, decision.reason) == (Verdict.NO_OPINION, reason)
    # Other bindings still count.
    granting = bound("d", "ClusterRole/reader", USER)
    decision = await authorizer(READ, one, granting).authorize(asks(JANE, "get", "pods", "n"))
    assert decision.verdict is Verdict.ALLOW


async def test_paths_are_granted_in_the_whole_cluster_only() -> None:
    roles = {"/paths": [{"verbs": ["get"], "nonResourceURLs": ["/logs/*"]}]}
    asked = AuthorizationAttributes(JANE, "get", "/logs/a", is_resource_request=False)
    whole = authorizer(roles, bound("b", "ClusterRole/paths", GROUP))
    assert (await whole.authorize(asked)).verdict is Verdict.ALLOW
    part = authorizer(roles, bound("b", "ClusterRole/paths", GROUP, namespace="n"))
    assert (await part.authorize(asked)).verdict is Verdict.NO_OPINION


async def test_the_rules_of_a_user_are_shown_as_written() -> None:
    roles = {
        "/a": [
            rule("list get", "pods", names="y x"),
            {"verbs": ["get"], "nonResourceURLs": ["/z"]},
        ],
        "n/b": [rule("*", "*", "*")],
    }
    shown = authorizer(
        roles,
        bound("a", "ClusterRole/a", USER, GROUP),
        bound("b", "Role/b", GROUP, namespace="n"),
        bound("c", "Role/gone", GROUP, namespace="n"),
    )
    rules = await shown.rules_for(JANE, "n")
    assert [each.verbs for each in rules.resource_rules] == [("list", "get"), ("*",)]
    assert rules.resource_rules[0].resource_names == ("y", "x")
    assert [each.urls for each in rules.non_resource_rules] == [("/z",)]
    assert rules.errors == ['role.rbac.authorization.k8s.io "gone" not found']
    assert not rules.incomplete
    assert [each.verbs for each in (await shown.rules_for(JANE, "m")).resource_rules] == [
        ("list", "get")
    ]


async def test_a_changed_binding_replaces_the_old_one() -> None:
    decides = authorizer(READ, bound("b", "ClusterRole/reader", USER, namespace="n"))
    index = decides.index

    async def is_allowed(user: UserInfo) -> bool:
        return (await decides.authorize(asks(user, "get", "pods", "n"))).verdict is Verdict.ALLOW

    assert await is_allowed(JANE)
    index.put_binding(binding_of(bound("b", "ClusterRole/reader", ACCOUNT, namespace="n")))
    assert not await is_allowed(JANE)
    assert await is_allowed(ROBOT)
    # Bindings without subjects leave nothing behind, and may be removed more than once.
    index.put_binding(binding_of(bound("b", "ClusterRole/reader", namespace="n")))
    index.put_binding(binding_of(bound("c", "ClusterRole/reader", namespace="n")))
    assert not await is_allowed(ROBOT)
    for key in (("n", "b"), ("n", "c"), ("n", "b")):
        index.remove_binding(key)
    assert not index.bindings
    index.remove_role(("", "reader"))
    index.put_binding(binding_of(bound("b", "ClusterRole/reader", USER)))
    assert not await is_allowed(JANE)


async def test_deciding_takes_no_longer_with_a_hundred_thousand_rules() -> None:
    """A role as large as can be is compiled in one pass, and decides by lookup."""
    many = [rule("get", "pods", names=f"n{number}") for number in range(100_000)]
    decides = authorizer({"/big": many}, bound("b", "ClusterRole/big", USER))
    asked = asks(JANE, "get", "pods", "n")
    asked.name = "n99999"
    for _ in range(1000):
        assert (await decides.authorize(asked)).verdict is Verdict.ALLOW
    asked.name = "n100000"
    assert (await decides.authorize(asked)).verdict is Verdict.NO_OPINION
