"""What the plugins do that are off by default."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.chain import CREATE, DELETE, UPDATE
from apiserver.access.admission.enabled_plugins import build_plugins
from apiserver.access.admission.plugin_names import OFF, ON, ORDER
from apiserver.access.admission.plugins.owner_references_permission_enforcement import (
    OwnerReferencesPermissionEnforcement,
)
from apiserver.access.admission.policies.policy_dependencies import ParamResource
from apiserver.access.authorization.authorizer import (
    ALLOWED,
    AuthorizationAttributes,
    AuthorizationDecision,
    Verdict,
)
from apiserver.machinery.builtin_resources import (
    CONFIG_MAPS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SERVICES,
)
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object
from tests.unit.access.admission.admitting import Admission, build_dependencies, named

FORBIDDEN = 'pods "p" is forbidden: '


def pod(name: str, **spec: Any) -> Object:
    return named(name, spec={"containers": [], **spec})


def admission(name: str, *objects: tuple[GroupVersionResource, Object]) -> Admission:
    return Admission(build_plugins([name], build_dependencies()), *objects)


def test_every_plugin_can_be_built() -> None:
    build_plugins([*ON, *OFF], build_dependencies())
    assert set(ON).isdisjoint(OFF)
    assert {*ON, *OFF} <= set(ORDER)


@pytest.mark.parametrize("operation", [CREATE, UPDATE])
async def test_always_deny(operation: str) -> None:
    result, _ = await admission("AlwaysDeny").admit(PODS, pod("p"), operation)
    assert result == f"{FORBIDDEN}admission control is denying all modifications"


@pytest.mark.parametrize("operation", [CREATE, UPDATE, DELETE])
async def test_namespaces_exist(operation: str) -> None:
    empty = admission("NamespaceExists")
    document, old = named("a"), named("a")
    given = {"document": None if operation == DELETE else document, "operation": operation}
    result, _ = await empty.admit(CONFIG_MAPS, **given, old=old)
    assert result == 'namespaces "ns" not found'
    result, _ = await empty.admit(CONFIG_MAPS, **given, old=old, namespace="")
    assert result == given["document"]


def images(*names: str, **more: Any) -> dict[str, Any]:
    containers = [{"name": name, "image": name, "imagePullPolicy": "Never"} for name in names]
    return {"containers": containers, **more}


def policies(result: Object) -> list[str]:
    members = ("initContainers", "containers", "ephemeralContainers")
    spec = result["spec"]
    return [each["imagePullPolicy"] for member in members for each in spec.get(member) or ()]


async def test_images_are_pulled_always() -> None:
    pulling = admission("AlwaysPullImages")
    more = {"initContainers": images("c")["containers"], "ephemeralContainers": []}
    result, _ = await pulling.admit(PODS, pod("p", **images("a", "b", **more)))
    assert policies(result) == ["Always"] * 3
    old, same = pod("p", **images("a")), pod("p", **images("a", "a"))
    assert (await pulling.admit(PODS, same, UPDATE, old=old))[0] is same
    result, _ = await pulling.admit(PODS, pod("p", **images("a", "b")), UPDATE, old=old)
    assert policies(result) == ["Always"] * 2


@pytest.mark.parametrize(
    ("key", "refused"), [("kubernetes.io/hostname", False), ("topology.kubernetes.io/zone", True)]
)
async def test_anti_affinity_is_limited_to_nodes(key: str, refused: bool) -> None:
    terms = [{"topologyKey": key}]
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    document = pod("p", affinity=affinity)
    result, _ = await admission("LimitPodHardAntiAffinityTopology").admit(PODS, document)
    message = (
        f"{FORBIDDEN}affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey {key} but "
        "only key kubernetes.io/hostname is allowed"
    )
    assert result == (message if refused else document)


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        (None, [], False),
        (None, ["1.1.1.1"], True),
        (["1.1.1.1", "2.2.2.2"], ["1.1.1.1"], False),
        (["1.1.1.1"], ["1.1.1.1", "2.2.2.2"], True),
        (["1.1.1.1"], ["2.2.2.2"], True),
    ],
)
async def test_external_ips(old: list[str] | None, new: list[str], refused: bool) -> None:
    before = None if old is None else named("s", spec={"externalIPs": old})
    service = named("s", spec={"externalIPs": new})
    operation = CREATE if before is None else UPDATE
    denying = admission("DenyServiceExternalIPs")
    result, _ = await denying.admit(SERVICES, service, operation, old=before)
    message = 'services "s" is forbidden: Use of external IPs is denied by admission control'
    assert result == (message if refused else service)


async def test_extended_resources_are_tolerated() -> None:
    wanted = {"requests": {"b.com/x": "1", "a.com/y": "1", "cpu": "1", "x.kubernetes.io/z": "1"}}
    document = pod(
        "p",
        containers=[{"name": "c", "resources": wanted}],
        tolerations=[
            {"key": "b.com/x", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 1}
        ],
    )
    tolerating = admission("ExtendedResourceToleration")
    result, _ = await tolerating.admit(PODS, document)
    assert result["spec"]["tolerations"] == [
        {"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in ("b.com/x", "a.com/y")
    ]
    assert (await tolerating.admit(PODS, result))[0] is result


@pytest.mark.parametrize(
    ("annotation", "own", "outcome"),
    [
        ("", {"a": "b"}, {"a": "b"}),
        ("a=b, c = d", {"e": "f"}, {"a": "b", "c": "d", "e": "f"}),
        ("a=b", {"a": "b"}, {"a": "b"}),
        (
            "a=b",
            {"a": "c"},
            f"{FORBIDDEN}pod node label selector conflicts with its namespace node label selector",
        ),
        ("a", {}, "invalid selector: [a]"),
    ],
)
async def test_namespaces_select_nodes(annotation: str, own: Any, outcome: Any) -> None:
    annotations = {"scheduler.alpha.kubernetes.io/node-selector": annotation}
    namespace = {"metadata": {"name": "ns", "annotations": annotations}}
    selecting = admission("PodNodeSelector", (NAMESPACES, namespace))
    result, _ = await selecting.admit(PODS, pod("p", nodeSelector=own))
    assert (result if isinstance(result, str) else result["spec"]["nodeSelector"]) == outcome


class Permissions:
    """An authorizer, and what it was asked."""

    def __init__(self, *allowed: str) -> None:
        self._allowed = allowed
        self.asked: list[str] = []

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        name = f"{attributes.verb} {attributes.resource}/{attributes.subresource}"
        self.asked.append(f"{name} {attributes.namespace}/{attributes.name}")
        if name in self._allowed:
            return ALLOWED
        return AuthorizationDecision(Verdict.NO_OPINION, "no")


class Kinds:
    def param_resource(self, kind: GroupVersionKind) -> ParamResource | None:
        if kind.kind == "ReplicaSet":
            return ParamResource(REPLICA_SETS, namespaced=True)
        return None


def owner(uid: str, kind: str = "ReplicaSet", **more: Any) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": kind, "name": f"name-{uid}", "uid": uid, **more}


BLOCKING = {"blockOwnerDeletion": True}


@pytest.mark.parametrize(
    ("allowed", "old", "new", "message"),
    [
        ([], None, [owner("a")], None),
        ([], [owner("a")], [owner("a")], None),
        ([], [owner("a")], [], "cannot set an ownerRef on a resource you can't delete: no, <nil>"),
        (["delete pods/"], [owner("a")], [], None),
        (
            [],
            None,
            [owner("a", **BLOCKING)],
            "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set "
            "finalizers on: no, <nil>",
        ),
        (["update replicasets/finalizers"], None, [owner("a", **BLOCKING)], None),
        (["delete pods/"], [owner("a", **BLOCKING)], [owner("a", **BLOCKING), owner("b")], None),
        (
            [],
            None,
            [owner("a", "Nothing", **BLOCKING)],
            "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for "
            'APIVersion apps/v1 Kind Nothing: no matches for kind "Nothing" in version "apps/v1"',
        ),
    ],
)
async def test_owners(allowed: list[str], old: Any, new: Any, message: str | None) -> None:
    kinds: Any = Kinds()
    enforcing = Admission([OwnerReferencesPermissionEnforcement(Permissions(*allowed), kinds)])
    before = None if old is None else {"metadata": {"name": "p", "ownerReferences": old}}
    document = {"metadata": {"name": "p", "ownerReferences": new}}
    operation = CREATE if old is None else UPDATE
    result, _ = await enforcing.admit(PODS, document, operation, old=before)
    assert result == (document if message is None else FORBIDDEN + message)


def test_the_status_of_a_pod_has_no_owners() -> None:
    kinds: Any = Kinds()
    plugin = OwnerReferencesPermissionEnforcement(Permissions(), kinds)
    assert not plugin.handles(UPDATE, PODS, "status")
    assert plugin.handles(UPDATE, PODS, "")
