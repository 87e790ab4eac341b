"""What the small plugins change and refuse."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.chain import DELETE, UPDATE
from apiserver.access.admission.plugins.default_ingress_class import DefaultIngressClass
from apiserver.access.admission.plugins.default_storage_class import DefaultStorageClass
from apiserver.access.admission.plugins.default_toleration_seconds import (
    DefaultTolerationSeconds,
)
from apiserver.access.admission.plugins.namespace_lifecycle import (
    NamespaceLifecycle,
    ProtectedNamespaces,
)
from apiserver.access.admission.plugins.persistent_volume_claim_resize import (
    PersistentVolumeClaimResize,
)
from apiserver.access.admission.plugins.pod_topology_labels import PodTopologyLabels
from apiserver.access.admission.plugins.priority import PodPriority, SingleGlobalDefault
from apiserver.access.admission.plugins.runtime_class import RuntimeClass
from apiserver.access.admission.plugins.storage_object_in_use_protection import (
    StorageObjectInUseProtection,
)
from apiserver.access.admission.plugins.taint_nodes_by_condition import TaintNodesByCondition
from apiserver.machinery.builtin_resources import (
    CLAIMS,
    CONFIG_MAPS,
    INGRESS_CLASSES,
    INGRESSES,
    NAMESPACES,
    NODES,
    PODS,
    PRIORITY_CLASSES,
    RUNTIME_CLASSES,
    STORAGE_CLASSES,
    VOLUMES,
)
from apiserver.machinery.objects import Object
from tests.unit.access.admission.admitting import Admission, named, pod

FORBIDDEN = 'pods "p" is forbidden: '


# NamespaceLifecycle


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        (named("ns", status={"phase": "Active"}), None),
        (named("other"), 'namespaces "ns" not found'),
        (
            named("ns", status={"phase": "Terminating"}),
            'configmaps "a" is forbidden: unable to create new content in namespace ns because '
            "it is being terminated",
        ),
    ],
)
async def test_nothing_new_in_a_namespace_that_is_missing_or_ends(
    namespace: Object, message: str | None
) -> None:
    del namespace["metadata"]["namespace"]
    admission = Admission([NamespaceLifecycle()], (NAMESPACES, namespace))
    result, _ = await admission.admit(CONFIG_MAPS, named("a"))
    assert result == (message or named("a"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kube-system", 'namespaces "kube-system" is forbidden: this namespace may not be deleted'),
        ("mine", None),
    ],
)
async def test_the_namespaces_of_the_system_stay(name: str, message: str | None) -> None:
    admission = Admission([ProtectedNamespaces()])
    result, _ = await admission.admit(NAMESPACES, None, DELETE, old=named(name))
    assert result == message


# TaintNodesByCondition, DefaultTolerationSeconds, PodTopologyLabels


@pytest.mark.parametrize("taints", [[], [{"key": "a", "effect": "NoExecute"}]])
async def test_a_new_node_is_not_ready(taints: list[Object]) -> None:
    node, _ = await Admission([TaintNodesByCondition()]).admit(
        NODES, named("n", spec={"taints": taints})
    )
    not_ready = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    assert node["spec"]["taints"] == [*taints, not_ready]


@pytest.mark.parametrize(
    ("tolerations", "added"),
    [
        ([], ["not-ready", "unreachable"]),
        ([{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}], ["unreachable"]),
        ([{"operator": "Exists", "effect": "NoExecute"}], []),
        ([{"operator": "Exists", "effect": "NoSchedule"}], ["not-ready", "unreachable"]),
    ],
)
async def test_pods_stay_five_minutes(tolerations: list[Object], added: list[str]) -> None:
    admitted, _ = await Admission([DefaultTolerationSeconds()]).admit(
        PODS, pod(tolerations=tolerations)
    )
    new = admitted["spec"]["tolerations"][len(tolerations) :]
    assert [toleration["key"] for toleration in new] == [f"node.kubernetes.io/{k}" for k in added]
    assert all(t["tolerationSeconds"] == 300 and t["effect"] == "NoExecute" for t in new)


async def test_a_bound_pod_learns_where_its_node_is() -> None:
    node = named("n")
    node["metadata"]["labels"] = {"topology.kubernetes.io/zone": "z", "other": "x"}
    del node["metadata"]["namespace"]
    admission = Admission([PodTopologyLabels()], (NODES, node))
    binding = named("p", target={"kind": "Node", "name": "n"})
    admitted, _ = await admission.admit(PODS, binding, subresource="binding")
    assert admitted["metadata"]["labels"] == {"topology.kubernetes.io/zone": "z"}
    placed, _ = await admission.admit(PODS, pod(nodeName="n"))
    assert placed["metadata"]["labels"] == {"topology.kubernetes.io/zone": "z"}


# Priority


def priority_class(name: str, value: int, **members: Any) -> Any:
    return (PRIORITY_CLASSES, {"metadata": {"name": name}, "value": value, **members})


MID = priority_class("mid", 500, preemptionPolicy="Never")
LOW = priority_class("low", 5, globalDefault=True, preemptionPolicy="PreemptLowerPriority")
COMPUTED = "must not be provided in pod spec; priority admission controller computed"


@pytest.mark.parametrize(
    ("spec", "classes", "expected"),
    [
        ({}, [MID], {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}),
        ({}, [LOW], {"priority": 5, "preemptionPolicy": "PreemptLowerPriority",
                     "priorityClassName": "low"}),
        ({"priorityClassName": "mid"}, [MID, LOW],
         {"priority": 500, "preemptionPolicy": "Never", "priorityClassName": "mid"}),
        ({"priorityClassName": "none"}, [MID], "no PriorityClass with name none was found"),
        ({"priorityClassName": "mid", "priority": 7}, [MID],
         f"the integer value of priority (7) {COMPUTED} 500 from the given PriorityClass name"),
        ({"priorityClassName": "mid", "preemptionPolicy": "PreemptLowerPriority"}, [MID],
         f"the string value of PreemptionPolicy (PreemptLowerPriority) {COMPUTED} Never from the "
         "given PriorityClass name"),
    ],
)  # fmt: skip
async def test_a_pod_is_as_important_as_its_class(
    spec: Object, classes: list[Any], expected: Any
) -> None:
    result, _ = await Admission([PodPriority()], *classes).admit(PODS, pod(**spec))
    if isinstance(expected, str):
        assert result == FORBIDDEN + expected
    else:
        added = {key: value for key, value in result["spec"].items() if key != "containers"}
        assert added == expected


async def test_an_update_keeps_the_priority() -> None:
    old = pod(priority=5, preemptionPolicy="Never")
    result, _ = await Admission([PodPriority()]).admit(PODS, pod(), UPDATE, old=old)
    assert result == old


async def test_one_class_is_the_default() -> None:
    admission = Admission([SingleGlobalDefault()], LOW)
    other = {"metadata": {"name": "other"}, "value": 1, "globalDefault": True}
    refusal = (
        'priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass low is already '
        "marked as default. Only one default can exist"
    )
    assert (await admission.admit(PRIORITY_CLASSES, other))[0] == refusal
    same = LOW[1]
    assert (await admission.admit(PRIORITY_CLASSES, same, UPDATE, old=same))[0] == same


# Storage and Ingress


def storage_class(name: str, created: str, **members: Any) -> Any:
    metadata = {
        "name": name,
        "creationTimestamp": created,
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    }
    return (STORAGE_CLASSES, {"metadata": metadata, **members})


CLASSES = [
    storage_class("old", "2026-01-01T00:00:00Z"),
    storage_class("new-b", "2026-01-02T00:00:00Z", allowVolumeExpansion=True),
    storage_class("new-a", "2026-01-02T00:00:00Z"),
]


@pytest.mark.parametrize(
    ("spec", "name"),
    [({}, "new-a"), ({"storageClassName": ""}, ""), ({"storageClassName": "x"}, "x")],
)
async def test_a_claim_gets_the_newest_default(spec: Object, name: str) -> None:
    claim = named("c", spec=spec)
    result, _ = await Admission([DefaultStorageClass()], *CLASSES).admit(CLAIMS, claim)
    assert result["spec"]["storageClassName"] == name


async def test_an_ingress_gets_the_default_class_unless_it_names_one() -> None:
    class_ = named("c")
    class_["metadata"] |= {
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
    }
    admission = Admission([DefaultIngressClass()], (INGRESS_CLASSES, class_))
    result, _ = await admission.admit(INGRESSES, named("i", spec={}))
    assert result["spec"] == {"ingressClassName": "c"}
    annotated = named("i", spec={})
    annotated["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "x"}
    assert (await admission.admit(INGRESSES, annotated))[0] == annotated


@pytest.mark.parametrize(
    ("resource", "finalizer"),
    [(CLAIMS, "kubernetes.io/pvc-protection"), (VOLUMES, "kubernetes.io/pv-protection")],
)
async def test_what_may_be_in_use_is_held(resource: Any, finalizer: str) -> None:
    admission = Admission([StorageObjectInUseProtection()])
    result, _ = await admission.admit(resource, named("a"))
    assert result["metadata"]["finalizers"] == [finalizer]
    assert (await admission.admit(resource, result))[0] == result


def claim(size: str, class_: str, phase: str = "Bound") -> Object:
    spec = {"storageClassName": class_, "resources": {"requests": {"storage": size}}}
    return named("c", spec=spec, status={"phase": phase})


@pytest.mark.parametrize(
    ("new", "old", "why"),
    [
        (claim("2Gi", "new-b"), claim("1Gi", "new-b"), None),
        (claim("1Gi", "old"), claim("1Gi", "old"), None),
        (claim("2Gi", "old"), claim("1Gi", "old"),
         "only dynamically provisioned pvc can be resized and the storageclass that provisions "
         "the pvc must support resize"),
        (claim("2Gi", "new-b"), claim("1Gi", "new-b", "Pending"),
         "Only bound persistent volume claims can be expanded"),
    ],
)  # fmt: skip
async def test_a_claim_grows_where_its_class_can(new: Object, old: Object, why: str | None) -> None:
    admission = Admission([PersistentVolumeClaimResize()], *CLASSES)
    result, _ = await admission.admit(CLAIMS, new, UPDATE, old=old)
    assert result == (new if why is None else f'persistentvolumeclaims "c" is forbidden: {why}')


# RuntimeClass

KATA = {
    "metadata": {"name": "kata"},
    "handler": "kata",
    "overhead": {"podFixed": {"cpu": "250m"}},
    "scheduling": {"nodeSelector": {"kata": "yes"}, "tolerations": [{"key": "kata"}]},
}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"runtimeClassName": "kata"},
         {"overhead": {"cpu": "250m"}, "nodeSelector": {"kata": "yes"},
          "tolerations": [{"key": "kata"}]}),
        ({"runtimeClassName": "none"}, 'pod rejected: RuntimeClass "none" not found'),
        ({"runtimeClassName": "kata", "overhead": {"cpu": "1"}},
         "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"),
        ({"overhead": {"cpu": "1"}},
         "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"),
        ({"runtimeClassName": "kata", "nodeSelector": {"kata": "no"}},
         "conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; "
         "pod.spec.nodeSelector[kata] = no"),
    ],
)  # fmt: skip
async def test_a_class_adds_what_it_costs_and_needs(spec: Object, expected: Any) -> None:
    admission = Admission([RuntimeClass()], (RUNTIME_CLASSES, KATA))
    result, _ = await admission.admit(PODS, pod(**spec))
    if isinstance(expected, str):
        assert result == FORBIDDEN + expected
    else:
        assert {name: result["spec"][name] for name in expected} == expected
