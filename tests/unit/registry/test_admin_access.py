"""Admin access to devices is for namespaces with a label, whether requested or granted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from apiserver.machinery.errors import Invalid
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.users import SYSTEM_USER
from apiserver.registry.context import RequestContext
from apiserver.registry.registry import Registry
from apiserver.registry.update import update_object
from tests.unit.cluster import NAMESPACES, create, registry_in_memory

CLAIMS = GroupVersionResource("resource.k8s.io", "v1", "resourceclaims")
TEMPLATES = GroupVersionResource("resource.k8s.io", "v1", "resourceclaimtemplates")
LABEL = "resource.kubernetes.io/admin-access"
LABELS: dict[str, dict[str, str]] = {
    "plain": {}, "false": {LABEL: "false"}, "admin": {LABEL: "true"},
}  # fmt: skip
REFUSAL = f"Forbidden: admin access to devices requires the `{LABEL}: true` label on the "


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with registry_in_memory() as running:
        for name, labels in LABELS.items():
            await create(running, NAMESPACES, {"metadata": {"name": name, "labels": labels}})
        yield running


def device_request(name: str, *, admin: bool | None) -> dict[str, Any]:
    exactly: dict[str, Any] = {"deviceClassName": "gpu"}
    if admin is not None:
        exactly["adminAccess"] = admin
    return {"name": name, "exactly": exactly}


def written(namespace: str, spec: dict[str, Any]) -> Object:
    return {"metadata": {"name": "a", "namespace": namespace}, "spec": spec}


def claim_spec(*admin: bool | None) -> dict[str, Any]:
    requests = [device_request(f"r{index}", admin=each) for index, each in enumerate(admin)]
    return {"devices": {"requests": requests}}


def causes(refused: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    details = refused.value.details
    assert details is not None
    return [(cause["field"], cause["message"]) for cause in details["causes"]]


@pytest.mark.parametrize("resource", [CLAIMS, TEMPLATES], ids=["claim", "template"])
@pytest.mark.parametrize("namespace", ["plain", "false"])
async def test_a_request_needs_the_label(
    registry: Registry, resource: GroupVersionResource, namespace: str
) -> None:
    spec = claim_spec(None, False, True, True)
    document = written(namespace, spec if resource is CLAIMS else {"spec": spec})
    with pytest.raises(Invalid) as refused:
        await create(registry, resource, document)
    path = "spec.devices.requests[2].adminAccess"
    assert causes(refused) == [(path, f"{REFUSAL}containing namespace")]
    document["metadata"]["namespace"] = "admin"
    made = await create(registry, resource, document)
    assert made["metadata"]["namespace"] == "admin"


async def test_nobody_else_needs_the_label(registry: Registry) -> None:
    made = await create(registry, CLAIMS, written("plain", claim_spec(None, False)))
    assert made["metadata"]["namespace"] == "plain"


async def test_the_refusal_comes_before_other_errors(registry: Registry) -> None:
    spec = claim_spec(True)
    spec["devices"]["requests"][0]["name"] = "Bad!"
    with pytest.raises(Invalid) as refused:
        await create(registry, CLAIMS, written("plain", spec))
    assert [field for field, _ in causes(refused)] == [
        "spec.devices.requests[0].adminAccess",
        "spec.devices.requests[0].name",
    ]


async def allocated(registry: Registry, claim: Object, *, admin: bool) -> Object:
    """Write the status of a claim: one device of which admin access is granted, or not."""
    result: dict[str, Any] = {"request": "r0", "driver": "d.com", "pool": "p", "device": "x"}
    if admin:
        result["adminAccess"] = True
    status = {"allocation": {"devices": {"results": [result]}}}
    claims = registry.resource(*CLAIMS)
    assert claims is not None
    context = RequestContext(SYSTEM_USER, claim["metadata"]["namespace"], "a", "status")
    document = {**claim, "status": status}
    return (await update_object(claims, context, document, WriteOptions())).stored.object


async def test_a_grant_needs_the_label(registry: Registry) -> None:
    plain = await create(registry, CLAIMS, written("plain", claim_spec(None)))
    with pytest.raises(Invalid) as refused:
        await allocated(registry, plain, admin=True)
    path = "status.allocation.devices.results[0].adminAccess"
    assert causes(refused)[0] == (path, f"{REFUSAL}containing namespace")
    assert (await allocated(registry, plain, admin=False))["status"]["allocation"]


async def test_a_grant_stays_when_the_label_goes(registry: Registry) -> None:
    claim = await create(registry, CLAIMS, written("admin", claim_spec(True)))
    granted = await allocated(registry, claim, admin=True)
    namespaces = registry.resource(*NAMESPACES)
    assert namespaces is not None
    unlabelled = {
        "kind": "Namespace", "apiVersion": "v1",
        "metadata": {"name": "admin"}, "spec": {"finalizers": ["kubernetes"]},
    }  # fmt: skip
    context = RequestContext(SYSTEM_USER, "", "admin")
    await update_object(namespaces, context, unlabelled, WriteOptions())
    again = await allocated(registry, granted, admin=True)
    assert again["status"] == granted["status"]
