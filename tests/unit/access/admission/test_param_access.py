"""A policy may only read parameters that its author may read."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.admission.param_access import ParamAccessCheck
from apiserver.access.admission.policies.policy_dependencies import ParamResource
from apiserver.access.authorization.authorizer import (
    ALLOWED,
    NO_OPINION,
    AuthorizationAttributes,
    AuthorizationDecision,
)
from apiserver.machinery.errors import Invalid
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.users import MASTERS, UserInfo
from tests.unit.access.admission.admitting import Objects, named

GROUP = "admissionregistration.k8s.io"
POLICIES = GroupVersionResource(GROUP, "v1", "validatingadmissionpolicies")
BINDINGS = GroupVersionResource(GROUP, "v1", "validatingadmissionpolicybindings")
ANN = UserInfo("ann", groups=("devs",))
MAPS = {"apiVersion": "v1", "kind": "ConfigMap"}


class Reading:
    """Allows ``ann`` to read what is named, and remembers what was asked."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked: list[tuple[str, str, str, str, str]] = []

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        where = attributes.namespace, attributes.name
        self.asked.append((attributes.group, attributes.version, attributes.resource, *where))
        return ALLOWED if attributes.name in self.names else NO_OPINION


class Kinds:
    def param_resource(self, kind: GroupVersionKind) -> ParamResource | None:
        if kind.kind != "ConfigMap":
            return None
        return ParamResource(GroupVersionResource("", "v1", "configmaps"), namespaced=True)


async def check(
    authorizer: Reading,
    resource: GroupVersionResource,
    spec: dict[str, Any],
    old: dict[str, Any] | None = None,
    user: UserInfo = ANN,
) -> None:
    policy = {**named("p"), "spec": {"paramKind": MAPS}}
    kinds: Any = Kinds()
    plugin = ParamAccessCheck(authorizer, kinds)
    attributes = AdmissionAttributes(
        CREATE if old is None else UPDATE,
        user,
        GroupVersionKind(GROUP, "v1", "Kind"),
        resource,
        name="x",
        object={**named("x"), "spec": spec},
        old_object=None if old is None else {**named("x"), "spec": old},
    )
    assert plugin.handles(attributes.operation, resource, "")
    await plugin.validate_async(attributes, Objects((POLICIES, policy)))


async def test_policies() -> None:
    authorizer = Reading()
    with pytest.raises(Invalid) as refused:
        await check(authorizer, POLICIES, {"paramKind": MAPS})
    assert authorizer.asked == [("", "v1", "configmaps", "*", "*")]
    [cause] = refused.value.status()["details"]["causes"]
    assert cause == {
        "reason": "FieldValueForbidden",
        "field": "spec.paramKind",
        "message": 'Forbidden: user &{ann  [devs] map[]} must have "get" permission on all objects '
        "of the referenced paramKind (kind=ConfigMap, apiVersion=v1)",
    }
    await check(Reading("*"), POLICIES, {"paramKind": MAPS})


async def test_bindings() -> None:
    reference = {"name": "limits", "namespace": "n"}
    authorizer = Reading()
    with pytest.raises(Invalid) as refused:
        await check(authorizer, BINDINGS, {"policyName": "p", "paramRef": reference})
    assert authorizer.asked == [("", "v1", "configmaps", "n", "limits")]
    [cause] = refused.value.status()["details"]["causes"]
    assert cause["field"] == "spec.paramRef"
    assert cause["message"] == (
        'Forbidden: user &{ann  [devs] map[]} does not have "get" permission on the object '
        "referenced by paramRef"
    )
    await check(Reading("limits"), BINDINGS, {"policyName": "p", "paramRef": reference})


UNKNOWN = [
    (POLICIES, {"paramKind": {"apiVersion": "g/v2", "kind": "None"}}, ("g", "v2", "*", "*", "*")),
    (BINDINGS, {"policyName": "none", "paramRef": {"name": "a"}}, ("*", "*", "*", "", "a")),
]


@pytest.mark.parametrize(("resource", "spec", "asked"), UNKNOWN)
async def test_of_what_is_unknown_everything_must_be_readable(
    resource: GroupVersionResource, spec: dict[str, Any], asked: tuple[str, ...]
) -> None:
    authorizer = Reading()
    with pytest.raises(Invalid):
        await check(authorizer, resource, spec)
    assert authorizer.asked == [asked]


async def test_who_need_not_be_asked() -> None:
    authorizer = Reading()
    masters = UserInfo("root", groups=(MASTERS,))
    await check(authorizer, POLICIES, {"paramKind": MAPS}, user=masters)
    await check(authorizer, POLICIES, {"paramKind": MAPS}, {"paramKind": MAPS})
    await check(authorizer, POLICIES, {})
    await check(authorizer, BINDINGS, {"policyName": "p"})
    assert authorizer.asked == []
