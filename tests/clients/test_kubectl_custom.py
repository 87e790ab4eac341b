"""kubectl and kinds of CustomResourceDefinitions."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import ON_ETCD, WAITS, PlainKubectl
from tests.clients.https import create_namespace
from tests.clients.wolves import a_group, wolf, wolves
from tests.server_process import ServerProcess

pytestmark = ON_ETCD


@pytest.fixture
def kubectl(server: ServerProcess, tmp_path: Path) -> PlainKubectl:
    """Real kubectl, in a namespace of its own, that remembers no kinds of other tests."""
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    create_namespace(server, namespace)
    return PlainKubectl(server.kubeconfig, tmp_path, namespace)


@pytest.fixture
def group(kubectl: PlainKubectl) -> Iterator[str]:
    """The group of wolves, which exist for one test."""
    name = a_group()
    kubectl("create", "-f", "-", stdin=json.dumps(wolves(name)))
    kubectl("wait", "--for=condition=Established", f"crd/wolves.{name}", WAITS)
    yield name
    kubectl("delete", "crd", f"wolves.{name}", WAITS)


def apply(kubectl: PlainKubectl, document: object, *flags: str) -> str:
    return kubectl("apply", "-f", "-", *flags, stdin=json.dumps(document))


def test_a_kind_has_its_names_and_its_columns(kubectl: PlainKubectl, group: str) -> None:
    apply(kubectl, wolf(group, names=["x", "y"]))
    short = kubectl("get", "wf", "-o", "wide").split()
    assert short[:3] == ["NAME", "SIZE", "NAMES"]
    assert short[3:] == ["a", "3", '["x","y"]']
    assert f"wolf.{group}/a" in kubectl("get", "pack", "-o", "name")
    listed = kubectl("api-resources", f"--api-group={group}", "--no-headers").split()
    assert listed == ["wolves", "wf", f"{group}/v1", "true", "Wolf"]
    assert kubectl("get", "wolf", "--field-selector=spec.size=4", "-o", "name") == ""
    assert "Size:" in kubectl("describe", "wolf", "a")


def test_a_kind_is_explained(kubectl: PlainKubectl, group: str) -> None:
    explained = kubectl("explain", "wolf.spec")
    for text in ("KIND:       Wolf", "What a wolf should be.", "size\t<integer>", "How large"):
        assert text in explained
    assert "ports\t<[]Object>" in kubectl("explain", "wolves", "--recursive")
    missing = kubectl.refused("explain", f"wolves.{group}", "--api-version", f"{group}/v2")
    assert "v2" in missing


def test_intent_is_applied_by_either_side(kubectl: PlainKubectl, group: str) -> None:
    assert "created" in apply(kubectl, wolf(group, names=["x"]))
    assert "unchanged" in apply(kubectl, wolf(group, names=["x"]))
    assert "configured" in apply(kubectl, wolf(group, size=4))
    assert kubectl.json("get", "wolf", "a")["spec"] == {"size": 4}
    ports = wolf(group, ports=[{"name": "http", "port": 80}])
    assert "serverside-applied" in apply(kubectl, ports, "--server-side")
    more = wolf(group, ports=[{"name": "https", "port": 443}])
    apply(kubectl, more, "--server-side", "--field-manager=other")
    assert len(kubectl.json("get", "wolf", "a")["spec"]["ports"]) == 2
    other = wolf(group, ports=[{"name": "http", "port": 81}])
    refusal = kubectl.refused(
        "apply", "--server-side", "--field-manager=other", "-f", "-", stdin=json.dumps(other)
    )
    assert "conflict with" in refusal
    assert ".spec.ports" in refusal


def test_what_the_schema_does_not_allow_is_refused(kubectl: PlainKubectl, group: str) -> None:
    unknown = kubectl.refused("create", "-f", "-", stdin=json.dumps(wolf(group, colour="grey")))
    assert 'strict decoding error: unknown field "spec.colour"' in unknown
    wrong = kubectl.refused("create", "-f", "-", stdin=json.dumps(wolf(group, size="big")))
    assert "spec.size in body must be of type integer" in wrong
    ignored = kubectl(
        "create", "-f", "-", "--validate=false", stdin=json.dumps(wolf(group, colour="grey"))
    )
    assert "created" in ignored
    strategic = kubectl.refused("patch", "wolf", "a", "--type=strategic", "-p", "{}")
    assert "unknown format" in strategic


def test_an_object_is_scaled_changed_and_deleted(kubectl: PlainKubectl, group: str) -> None:
    apply(kubectl, wolf(group, replicas=1))
    kubectl("scale", "wolf/a", "--replicas=5")
    assert kubectl.json("get", "wolf", "a")["spec"]["replicas"] == 5
    kubectl("label", "wolf", "a", "grey=yes")
    kubectl("patch", "wolf", "a", "--type=merge", "-p", '{"spec":{"size":9}}')
    kubectl(
        "patch", "wolf", "a", "--subresource=status", "--type=merge", "-p", '{"status":{"n":5}}'
    )
    stored = kubectl.json("get", "wolf", "a")
    assert (stored["spec"]["size"], stored["status"]) == (9, {"n": 5})
    assert stored["metadata"]["generation"] == 3
    kubectl("delete", "wolf", "a", WAITS)
    assert kubectl("get", "wolves", "-o", "name") == ""


def test_objects_go_with_their_definition_and_with_their_owner(
    kubectl: PlainKubectl, group: str
) -> None:
    owner = json.loads(
        kubectl("create", "configmap", "owner", "-o", "json", "--dry-run=none")
    )["metadata"]  # fmt: skip
    owned = wolf(group)
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["uid"]}
    ]
    apply(kubectl, owned)
    apply(kubectl, wolf(group, "b"))
    kubectl("delete", "configmap", "owner", WAITS)
    kubectl("wait", "--for=delete", "wolf/a", WAITS)
    kubectl("delete", "crd", f"wolves.{group}", WAITS)
    assert "(NotFound)" in kubectl.refused("get", "wolves")
    apply(kubectl, wolves(group))
    kubectl("wait", "--for=condition=Established", f"crd/wolves.{group}", WAITS)
    assert kubectl("get", f"wolves.{group}", "-o", "name") == ""


def test_a_namespace_takes_its_custom_objects_with_it(kubectl: PlainKubectl, group: str) -> None:
    other = f"{kubectl.namespace}-x"
    kubectl("create", "namespace", other)
    document = wolf(group)
    document["metadata"]["namespace"] = other
    kubectl("apply", f"--namespace={other}", "-f", "-", stdin=json.dumps(document))
    kubectl("delete", "namespace", other, WAITS)
    assert kubectl("get", "wolves", "-A", "-o", "name") == ""
