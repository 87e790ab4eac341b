"""The fields that field selectors may use, by kind, and the error for others."""

from __future__ import annotations

import pytest

from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.strategy import Strategy
from tests.unit.resources.writing import Kind

EVENT = "kind namespace name uid apiVersion resourceVersion fieldPath"
SELECTABLE = {
    ("v1", "Pod"): "spec.nodeName spec.host spec.restartPolicy spec.schedulerName"
    " spec.serviceAccountName spec.hostNetwork status.phase status.podIP status.podIPs"
    " status.nominatedNodeName",
    ("v1", "Node"): "spec.unschedulable",
    ("v1", "Namespace"): "status.phase",
    ("v1", "ReplicationController"): "status.replicas",
    ("v1", "Secret"): "type",
    ("v1", "Service"): "spec.clusterIP spec.type",
    ("v1", "Event"): "reason reportingComponent source type "
    + " ".join(f"involvedObject.{name}" for name in EVENT.split()),
    ("events.k8s.io/v1", "Event"): "reason reportingController type "
    + " ".join(f"regarding.{name}" for name in EVENT.split()),
    ("batch/v1", "Job"): "status.successful",
    ("certificates.k8s.io/v1", "CertificateSigningRequest"): "spec.signerName",
    ("resource.k8s.io/v1", "ResourceSlice"): "spec.nodeName spec.driver",
}
REFUSALS = {
    ("batch/v1", "Job"): 'field label "x.y" not supported for Job',
    ("resource.k8s.io/v1", "ResourceSlice"): "field label not supported for resource.k8s.io/v1, "
    "Kind=ResourceSlice: x.y",
}
OTHERS = [
    (each.api_version, each.kind)
    for each in builtin_definitions()
    if (each.api_version, each.kind) not in SELECTABLE
]


def strategy_of(api_version: str, kind: str) -> Strategy:
    return Kind(api_version, kind).strategy


@pytest.mark.parametrize(("of", "fields"), SELECTABLE.items(), ids=lambda each: " ".join(each))
def test_some_kinds_have_selectable_fields(of: tuple[str, str], fields: str) -> None:
    strategy = strategy_of(*of)
    assert set(strategy.fields) == set(fields.split())
    assert all(strategy.selects_by(field) for field in [*fields.split(), "metadata.name"])
    assert strategy.selects_by("metadata.namespace") is strategy.definition.namespaced
    assert not strategy.selects_by("x.y")
    assert strategy.unknown_field("x.y") == REFUSALS.get(of, "field label not supported: x.y")


@pytest.mark.parametrize("of", OTHERS, ids="/".join)
def test_all_other_kinds_are_selected_by_name_and_namespace(of: tuple[str, str]) -> None:
    strategy = strategy_of(*of)
    assert strategy.selects_by("metadata.name")
    assert strategy.selects_by("metadata.namespace")
    assert not strategy.selects_by("x.y")
    assert strategy.unknown_field("x.y") == (
        '"x.y" is not a known field selector: only "metadata.name", "metadata.namespace"'
    )


def test_the_list_of_addresses_of_a_pod_selects_none() -> None:
    pod = {"metadata": {}, "status": {"podIPs": [{"ip": "10.0.0.1"}]}}
    assert strategy_of("v1", "Pod").field(pod, "status.podIPs") == ""
