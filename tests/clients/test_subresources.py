"""What kubectl does through subresources and reviews."""

from __future__ import annotations

import base64
import json
import subprocess
import uuid
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from tests.clients.conftest import ON_SQLITE, WAITS, Kubectl, PlainKubectl
from tests.server_process import ServerProcess, running_server
from tests.waiting import PATIENCE

pytestmark = [ON_SQLITE, pytest.mark.usefixtures("store")]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.27"}]}
"""
NODE = """
apiVersion: v1
kind: Node
metadata: {name: %s}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: %(name)s, labels: {app: %(app)s}}
spec:
  nodeName: %(node)s
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: busybox}]
"""
BUDGET = """
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: b}
spec: {minAvailable: 1, selector: {matchLabels: {app: kept}}}
"""
RUNNING = '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}'
SPENT = '{"status":{"observedGeneration":1,"desiredHealthy":1,"currentHealthy":1,"expectedPods":1}}'


def have_account(kubectl: Kubectl) -> None:
    """Let there be the account that Pods need, whoever makes it."""
    if kubectl.run("get", "serviceaccount", "default").returncode:
        kubectl("create", "serviceaccount", "default")


@pytest.mark.parametrize("flags", [(), ("--current-replicas=2",), ("--resource-version={}",)])
def test_a_deployment_is_scaled(kubectl: Kubectl, flags: tuple[str, ...]) -> None:
    kubectl("create", "-f", "-", stdin=DEPLOYMENT)
    before = json.loads(kubectl("get", "deployment", "web", "-o", "json"))
    given = [flag.format(before["metadata"]["resourceVersion"]) for flag in flags]
    kubectl("scale", "deployment", "web", "--replicas=5", *given)
    after = json.loads(kubectl("get", "deployment", "web", "-o", "json", "--show-managed-fields"))
    assert (after["spec"]["replicas"], after["metadata"]["generation"]) == (5, 2)
    owners = {entry["manager"]: entry for entry in after["metadata"]["managedFields"]}
    assert owners["kubectl"]["subresource"] == "scale"
    scale = json.loads(kubectl("get", "deployment", "web", "--subresource=scale", "-o", "json"))
    assert (scale["kind"], scale["status"]["selector"]) == ("Scale", "app=web")


def test_a_scale_that_was_changed_by_others_is_a_conflict(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", stdin=DEPLOYMENT)
    done = kubectl.run("scale", "deployment", "web", "--replicas=5", "--current-replicas=3")
    assert "Expected replicas to be 3, was 2" in done.stderr


def test_a_node_is_drained_of_what_no_budget_protects(kubectl: Kubectl) -> None:
    node = f"node-{uuid.uuid4().hex[:8]}"
    have_account(kubectl)
    kubectl("create", "-f", "-", stdin=NODE % node)
    kubectl("create", "-f", "-", stdin=BUDGET)
    kubectl("patch", "pdb", "b", "--subresource=status", "--type=merge", "-p", SPENT)
    for name, app in (("free", "free"), ("kept", "kept")):
        kubectl("create", "-f", "-", stdin=POD % {"name": name, "app": app, "node": node})
        kubectl("patch", "pod", name, "--subresource=status", "--type=merge", "-p", RUNNING)
    with kubectl.follow("drain", node, "--force", WAITS, stderr=subprocess.STDOUT) as draining:
        assert draining.stdout is not None
        told = iter(draining.stdout.readline, "")
        assert any("would violate the pod's disruption budget" in line for line in told)
        kubectl("wait", "--for=delete", "pod/free", WAITS)
        assert kubectl("get", "pods", "-o", "name").split() == ["pod/kept"]
        kubectl("delete", "pdb", "b")
        assert "pod/kept evicted\n" in told
        assert draining.wait(PATIENCE) == 0
    assert kubectl("get", "pods", "-o", "name") == ""
    assert "SchedulingDisabled" in kubectl("get", "node", node)


def test_who_one_is_and_what_one_may_do(kubectl: Kubectl) -> None:
    who = json.loads(kubectl("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert (who["username"], who["groups"][0]) == ("kubernetes-admin", "system:masters")
    assert kubectl("auth", "can-i", "create", "pods").strip() == "yes"
    assert kubectl("auth", "can-i", "get", "/metrics").strip() == "yes"
    assert "*.*" in kubectl("auth", "can-i", "--list")


def test_a_token_opens_the_door_for_its_account(
    kubectl: Kubectl, server: ServerProcess, tmp_path: Path
) -> None:
    kubectl("create", "serviceaccount", "robot")
    token = kubectl("create", "token", "robot", "--duration=15m").strip()
    cluster = {"server": server.url, "certificate-authority": str(server.ca)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    kubeconfig = tmp_path / "robot.kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    robot = PlainKubectl(kubeconfig, tmp_path)
    done = robot.run("get", "--raw", "/api/v1/nodes")
    assert 'User "system:serviceaccount:' in done.stderr
    assert 'cannot list resource "nodes"' in done.stderr


def test_tokens_are_signed_and_bounded_as_the_flags_say(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (tmp_path / "sa.key").write_bytes(pem)
    flags = [
        "--storage=memory://",
        f"--service-account-signing-key-file={tmp_path / 'sa.key'}",
        f"--service-account-key-file={tmp_path / 'sa.key'}",
        "--service-account-issuer=https://issuer.example.com",
        "--service-account-jwks-uri=https://issuer.example.com/keys",
        "--service-account-max-token-expiration=1h",
        "--api-audiences=api,other",
    ]
    with running_server(tmp_path / "server", *flags) as server:
        kubectl = PlainKubectl(server.kubeconfig, tmp_path)
        kubectl("create", "serviceaccount", "robot")
        done = kubectl.run("create", "token", "robot", "--duration=2h")
        warning = "requested expiration of 7200 seconds shortened to 3600 seconds"
        assert warning in done.stderr
        claims = jwt.decode(
            done.stdout.strip(), key.public_key(), algorithms=["RS256"], audience="api"
        )
        assert (claims["iss"], claims["aud"]) == ("https://issuer.example.com", ["api", "other"])
        assert claims["exp"] - claims["iat"] == 3600
        found = json.loads(kubectl("get", "--raw", "/.well-known/openid-configuration"))
        assert found["jwks_uri"] == "https://issuer.example.com/keys"
        assert found["id_token_signing_alg_values_supported"] == ["RS256"]


def test_a_pod_that_does_not_run_says_so(kubectl: Kubectl) -> None:
    have_account(kubectl)
    kubectl("run", "p", "--image=busybox")
    assert kubectl("logs", "p") == ""
    done = kubectl.run("exec", "p", "--", "ls")
    assert "pod p does not have a host assigned" in done.stderr
    done = kubectl.run("port-forward", "p", "8080:80")
    assert "pod is not running" in done.stderr


def test_a_signing_request_is_approved_once(kubectl: Kubectl) -> None:
    name = f"csr-{uuid.uuid4().hex[:8]}"
    document = {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": _signing_request(),
            "signerName": "example.com/signer",
            "usages": ["client auth"],
        },
    }
    kubectl("create", "-f", "-", stdin=json.dumps(document))
    kubectl("certificate", "approve", name)
    assert "Approved" in kubectl("get", "csr", name)
    denied = kubectl.run("certificate", "deny", name)
    assert f'certificate signing request "{name}" is already Approved' in denied.stderr


def _signing_request() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "jane")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()
