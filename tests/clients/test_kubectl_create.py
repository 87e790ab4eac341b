"""What ``kubectl create`` and ``kubectl run`` make of a command line, and how it is described."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.clients.conftest import ON_ETCD, Kubectl

pytestmark = ON_ETCD

#: The command, members of what it makes, and what a description of that says.
MADE: list[tuple[str, dict[str, Any], str]] = [
    (
        "deployment d --image=nginx --replicas=2 --port=80",
        {
            "spec.replicas": 2,
            "spec.template.spec.containers.0.ports.0.protocol": "TCP",
            "spec.strategy.rollingUpdate.maxSurge": "25%",
        },
        r"Replicas:\s+2 desired \| 0 updated",
    ),
    (
        "job j --image=busybox -- echo hi",
        {"spec.backoffLimit": 6, "spec.template.spec.containers.0.command": ["echo", "hi"]},
        r"Completions:\s+1",
    ),
    (
        "cronjob c --image=busybox --schedule=5/10_*_*_*_* -- true",
        {"spec.concurrencyPolicy": "Allow", "spec.successfulJobsHistoryLimit": 3},
        r"Schedule:\s+5/10 \* \* \* \*",
    ),
    (
        "service clusterip s --tcp=80:8080",
        {"spec.type": "ClusterIP", "spec.ports.0.name": "80-8080", "spec.ports.0.targetPort": 8080},
        r"TargetPort:\s+8080/TCP",
    ),
    (
        "service clusterip s --tcp=80 --clusterip=None",
        {"spec.clusterIP": "None"},
        r"Type:\s+ClusterIP",
    ),
    (
        "service nodeport s --tcp=80",
        {"spec.externalTrafficPolicy": "Cluster"},
        r"Type:\s+NodePort",
    ),
    (
        "service externalname s --external-name=example.com",
        {"spec.externalName": "example.com"},
        r"External Name:\s+example.com",
    ),
    (
        "ingress i --class=nginx --rule=a.example/x*=s:80,tls=key",
        {"spec.ingressClassName": "nginx", "spec.rules.0.http.paths.0.pathType": "Prefix"},
        r"key terminates a.example",
    ),
    (
        "quota q --hard=cpu=1,pods=5 --scopes=NotTerminating",
        {"spec.hard": {"cpu": "1", "pods": "5"}, "spec.scopes": ["NotTerminating"]},
        r"Name:\s+q",
    ),
    (
        "role r --verb=get,list --resource=pods,deployments.apps --resource-name=x",
        {"rules.1.apiGroups": ["apps"], "rules.0.resourceNames": ["x"]},
        r"deployments.apps\s+\[\]\s+\[x\]\s+\[get list\]",
    ),
    (
        "rolebinding b --clusterrole=view --user=ann --group=g --serviceaccount=other:robot",
        {
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"
            },
            "subjects.2": {"kind": "ServiceAccount", "name": "robot", "namespace": "other"},
        },
        r"ServiceAccount\s+robot\s+other",
    ),
    ("serviceaccount a", {"metadata.name": "a"}, r"Name:\s+a"),
    (
        "secret generic s --from-literal=a=b",
        {"type": "Opaque", "data": {"a": "Yg=="}},
        r"a:\s+1 bytes",
    ),
    (
        "secret docker-registry s --docker-server=r --docker-username=u --docker-password=p",
        {"type": "kubernetes.io/dockerconfigjson"},
        r"Type:\s+kubernetes.io/dockerconfigjson",
    ),
    (
        "configmap c --from-literal=a=b --append-hash",
        {"data": {"a": "b"}},
        r"Name:\s+c-[a-z0-9]{10}",
    ),
    (
        "poddisruptionbudget p --selector=app=web --min-available=50%",
        {"spec.minAvailable": "50%", "spec.selector.matchLabels": {"app": "web"}},
        r"Min available:\s+50%",
    ),
]  # fmt: skip
#: The same for what is in no namespace; names are made unique.
IN_THE_CLUSTER: list[tuple[str, dict[str, Any], str]] = [
    ("namespace NAME", {"status.phase": "Active"}, r"Status:\s+Active"),
    (
        "priorityclass NAME --value=7 --preemption-policy=Never --description=low",
        {"value": 7, "preemptionPolicy": "Never"},
        r"Value:\s+7",
    ),
    (
        "clusterrole NAME --verb=get --non-resource-url=/healthz",
        {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/healthz"]}]},
        r"\[/healthz\]",
    ),
    (
        "clusterrole NAME --aggregation-rule=a=b",
        {"aggregationRule.clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]},
        r"Name:",
    ),
    (
        "clusterrolebinding NAME --clusterrole=view --group=g",
        {"subjects.0.apiGroup": "rbac.authorization.k8s.io"},
        r"Group\s+g",
    ),
]


def member(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


@pytest.mark.parametrize(("command", "members", "described"), [*MADE, *IN_THE_CLUSTER])
def test_a_command_line_becomes_an_object(
    kubectl: Kubectl, command: str, members: dict[str, Any], described: str
) -> None:
    words = command.replace("NAME", kubectl.namespace + "-x").split()
    arguments = [word.replace("_", " ") if "schedule" in word else word for word in words]
    dash = arguments.index("--") if "--" in arguments else len(arguments)
    arguments[dash:dash] = ["-o", "json"]
    made = json.loads(kubectl("create", *arguments))
    assert made["metadata"]["uid"]
    assert {path: member(made, path) for path in members} == members
    what = f"{made['kind'].lower()}/{made['metadata']['name']}"
    assert re.search(described, kubectl("describe", what))
    assert kubectl.again(made)["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_pod_is_run(kubectl: Kubectl) -> None:
    kubectl("run", "p", "--image=nginx", "--labels=app=p", "--env=A=b", "--port=80", "--", "x")
    pod = kubectl.stored("pod", "p")
    assert pod["spec"]["containers"][0]["args"] == ["x"]
    assert pod["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    kubectl("delete", "pod", "p", "--grace-period=0", "--force")
    kubectl("run", "q", "--image=busybox", "--restart=Never", "--dry-run=client", "-o", "yaml")
    assert kubectl("get", "pods", "-o", "name") == ""


def test_a_job_is_made_of_a_cron_job(kubectl: Kubectl) -> None:
    kubectl("create", "cronjob", "c", "--image=busybox", "--schedule=@daily", "--", "true")
    kubectl("create", "job", "now", "--from=cronjob/c")
    owner = kubectl.stored("job", "now")["metadata"]["ownerReferences"]
    uid = kubectl.stored("cronjob", "c")["metadata"]["uid"]
    assert [(each["kind"], each["uid"]) for each in owner] == [("CronJob", uid)]


def test_a_certificate_becomes_a_secret(kubectl: Kubectl, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    pem = serialization.Encoding.PEM
    (tmp_path / "crt").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    (tmp_path / "key").write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    kubectl("create", "secret", "tls", "t", f"--cert={tmp_path}/crt", f"--key={tmp_path}/key")
    secret = kubectl.stored("secret", "t")
    assert secret["type"] == "kubernetes.io/tls"
    assert sorted(secret["data"]) == ["tls.crt", "tls.key"]


def test_files_become_the_data_of_a_config_map(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("words\n")
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    kubectl(
        "create", "configmap", "c", f"--from-file={tmp_path}/text", f"--from-file={tmp_path}/binary"
    )
    found = kubectl.stored("configmap", "c")
    assert found["data"] == {"text": "words\n"}
    assert found["binaryData"] == {"binary": "/wA="}


def test_what_is_wrong_with_an_object_is_told_all_at_once(kubectl: Kubectl) -> None:
    refused = kubectl.refused("create", "configmap", "Not_Good", "--from-literal=k=v")
    assert 'metadata.name: Invalid value: "Not_Good"' in refused
    bad = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d"},
        "spec": {
            "replicas": -1,
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": []}},
        },
    }
    refused = kubectl.refused("create", "-f", "-", stdin=json.dumps(bad))
    assert 'The Deployment "d" is invalid:' in refused
    assert "* spec.replicas: Invalid value: -1: must be greater than or equal to 0" in refused
    assert "* spec.template.metadata.labels: Invalid value:" in refused
    assert "* spec.template.spec.containers: Required value" in refused


def test_a_container_is_added_to_look_into_a_pod(kubectl: Kubectl) -> None:
    kubectl("run", "p", "--image=nginx")
    kubectl("debug", "p", "--image=busybox", "--container=look", "--attach=false")
    (added,) = kubectl.stored("pod", "p")["spec"]["ephemeralContainers"]
    assert (added["name"], added["image"]) == ("look", "busybox")


def test_what_every_cluster_has_is_described(kubectl: Kubectl) -> None:
    described = kubectl("describe", "priorityclass", "system-node-critical")
    assert re.search(r"Value:\s+2000001000", described)
    assert re.search(r"Status:\s+Active", kubectl("describe", "namespace", "kube-system"))
