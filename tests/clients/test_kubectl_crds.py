"""kubectl and CustomResourceDefinitions: apply, wait, get, explain, delete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.conftest import ON_ETCD, WAITS, Kubectl
from tests.operators import certificate, prometheus, undescribed
from tests.waiting import wait_until

pytestmark = ON_ETCD

CERTIFICATE = {
    "apiVersion": "certs.example.com/v1",
    "kind": "Certificate",
    "metadata": {"name": "web"},
    "spec": {"secretName": "web", "issuerRef": {"name": "ca"}},
}
CRD = "crd/certificates.certs.example.com"


def explained(kubectl: Kubectl, field: str) -> str:
    """Return what kubectl explains; each server process learns of a new kind by itself."""
    wait_until(lambda: kubectl.run("explain", field).returncode == 0)
    return kubectl("explain", field, "--recursive")


def test_a_kind_is_used_as_soon_as_it_is_established(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=json.dumps(certificate()))
    kubectl("wait", "--for=condition=Established", CRD, WAITS)
    assert "certificates.certs.example.com" in kubectl("get", "crd")
    kubectl("apply", "-f", "-", stdin=json.dumps(CERTIFICATE))
    header, row = kubectl("get", "certificates").splitlines()
    assert header.split() == ["NAME", "READY", "AGE"]
    assert row.split()[0] == "web"
    assert "secretName" in explained(kubectl, "certificate.spec")
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=json.dumps(certificate()))
    refused = {**CERTIFICATE, "spec": {"secretName": "web"}}
    assert "spec.issuerRef" in kubectl.refused("apply", "-f", "-", stdin=json.dumps(refused))
    kubectl("delete", CRD)
    assert "NotFound" in kubectl.refused("get", CRD)
    kubectl("wait", "--for=delete", "apiservice/v1.certs.example.com", WAITS)


@pytest.mark.parametrize("side", [[], ["--server-side"]])
def test_a_large_definition_is_applied(kubectl: Kubectl, side: list[str], tmp_path: Path) -> None:
    # Client-side apply keeps the whole document in an annotation, of 256 KiB at most.
    document = prometheus(3) if side else undescribed(prometheus())
    name = f"crd/{document['metadata']['name']}"
    file = tmp_path / "crd.json"
    file.write_text(json.dumps(document))
    for expected in ("created" if not side else "serverside-applied", ""):
        assert expected in kubectl("apply", *side, "-f", str(file))
    kubectl("wait", "--for=condition=Established", name, WAITS)
    assert "image" in explained(kubectl, "prometheus.spec.pod0.containers")
    kubectl("delete", "-f", str(file))
