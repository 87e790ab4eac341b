"""The commands of kubectl that read: get, watch, wait, explain, describe and others."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import pytest
import yaml

from tests.clients.conftest import ON_SQLITE, WAITS, Kubectl, in_new_namespace
from tests.server_process import ServerProcess

OBJECTS = """
apiVersion: v1
kind: Pod
metadata: {name: front, labels: {app: web, tier: front}}
spec:
  nodeName: one
  containers: [{name: c, image: "nginx:1"}, {name: d, image: "envoy:1"}]
---
apiVersion: v1
kind: Pod
metadata: {name: back, labels: {app: web, tier: back}}
spec: {containers: [{name: c, image: "redis:1"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {colour: red, size: big}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
type: kubernetes.io/basic-auth
stringData: {username: ann, password: hush}
"""


@pytest.fixture
def filled(kubectl: Kubectl) -> Kubectl:
    """kubectl, with a few objects."""
    kubectl.store(*yaml.safe_load_all(OBJECTS))
    return kubectl


@pytest.fixture(scope="module")
def shared(server: ServerProcess) -> Kubectl:
    """kubectl, with a few objects that no test changes."""
    kubectl = in_new_namespace(server)
    kubectl("create", "-f", "-", stdin=OBJECTS)
    return kubectl


def column(text: str, name: str) -> list[str]:
    """Return a column of a table as kubectl prints it."""
    header, *rows = text.splitlines()
    start = re.search(rf"(^|   ){name}(   |$)", header)
    assert start is not None, header
    at = header.index(name, start.start())
    return [row[at:].split("   ")[0].strip() for row in rows]


@contextmanager
def meanwhile(kubectl: Kubectl, *commands: Sequence[str]) -> Iterator[None]:
    """Run commands at the side."""

    def work() -> None:
        for command in commands:
            kubectl(*command)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@ON_SQLITE
def test_tables_are_plain_wide_labelled_sorted_and_for_all_namespaces(
    shared: Kubectl,
) -> None:
    plain = shared("get", "pods")
    assert plain.splitlines()[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert column(plain, "NAME") == ["back", "front"]
    assert column(plain, "READY") == ["0/1", "0/2"]
    wide = shared("get", "pods", "-o", "wide")
    assert column(wide, "NODE") == ["<none>", "one"]
    assert wide.splitlines()[0].endswith("READINESS GATES")
    labelled = shared("get", "pods", "--show-labels", "-L", "tier")
    assert column(labelled, "TIER") == ["back", "front"]
    assert column(labelled, "LABELS") == ["app=web,tier=back", "app=web,tier=front"]
    by_image = shared("get", "pods", "--sort-by=.spec.containers[0].image")
    assert column(by_image, "NAME") == ["front", "back"]
    everywhere = shared("get", "pods", "-A")
    assert column(everywhere, "NAMESPACE").count(shared.namespace) == 2
    assert column(shared("get", "secret,configmap"), "NAME")[0] == "secret/key"
    assert shared("get", "pods", "--no-headers", "--chunk-size=1").count("\n") == 2
    assert "No resources found" in shared.run("get", "jobs").stderr


SHOWN = [
    (("-o", "name"), "pod/back\npod/front\n"),
    (("-o", "jsonpath={.items[*].metadata.name}"), "back front"),
    (("-o", 'jsonpath={range .items[*]}{.spec.nodeName}{"\\n"}{end}'), "\none\n"),
    (("-o", 'jsonpath={.items[?(@.spec.nodeName=="one")].metadata.name}'), "front"),
    (
        ("-o", "custom-columns=N:.metadata.name,I:.spec.containers[*].image", "--no-headers"),
        "back    redis:1\nfront   nginx:1,envoy:1\n",
    ),
    (("-o", 'go-template={{range .items}}{{.kind}}/{{end}}{{"\\n"}}'), "Pod/Pod/\n"),
]


@ON_SQLITE
@pytest.mark.parametrize(("form", "shown"), SHOWN)
def test_output_has_the_form_that_is_asked_for(
    shared: Kubectl, form: tuple[str, ...], shown: str
) -> None:
    assert shared("get", "pods", *form) == shown


@ON_SQLITE
def test_json_and_yaml_are_whole_objects(shared: Kubectl) -> None:
    front = shared.json("get", "pod", "front")
    assert (front["apiVersion"], front["kind"]) == ("v1", "Pod")
    assert "managedFields" not in front["metadata"]
    with_owners = shared.json("get", "pod", "front", "--show-managed-fields")
    (owner,) = with_owners["metadata"].pop("managedFields")
    assert (owner["manager"], owner["operation"]) == ("kubectl-create", "Update")
    assert with_owners == front
    as_yaml = shared("get", "pod", "front", "-o", "yaml")
    assert "  nodeName: one\n" in as_yaml
    raw = json.loads(shared("get", "--raw", f"/api/v1/namespaces/{shared.namespace}/pods/front"))
    assert raw["metadata"]["uid"] == front["metadata"]["uid"]


SELECTED = [
    ("pods", "-l", "tier=front", "front"),
    ("pods", "-l", "app=web,tier!=front", "back"),
    ("pods", "-l", "tier in (front, back),!zone", "back front"),
    ("pods", "-l", "tier notin (front)", "back"),
    ("pods", "--field-selector", "spec.nodeName=one", "front"),
    ("pods", "--field-selector", "status.phase=Pending,metadata.name!=front", "back"),
    ("pods", "--field-selector", "status.phase!=Pending", ""),
    ("secrets", "--field-selector", "type=kubernetes.io/basic-auth", "key"),
    ("secrets", "--field-selector", "type=Opaque", ""),
    ("configmaps", "--field-selector", "metadata.name=settings", "settings"),
]


@ON_SQLITE
@pytest.mark.parametrize(("what", "flag", "selector", "names"), SELECTED)
def test_selectors_choose(shared: Kubectl, what: str, flag: str, selector: str, names: str) -> None:
    found = shared("get", what, flag, selector, "-o", "jsonpath={.items[*].metadata.name}")
    assert found == names


@ON_SQLITE
def test_what_cannot_be_selected_or_is_not_known_is_refused(shared: Kubectl) -> None:
    refused = shared.refused("get", "configmaps", "--field-selector=data.colour=red")
    assert '"data.colour" is not a known field selector: only "metadata.name"' in refused
    assert "found '=', expected: ','" in shared.refused("get", "pods", "-l", "a=b=c!")
    assert 'doesn\'t have a resource type "nosuch"' in shared.refused("get", "nosuch")
    assert 'pods "x" not found' in shared.refused("get", "pods", "x", "front")
    assert "could not find the requested resource" in shared.refused("get", "--raw", "/api/v2")


@contextmanager
def watching(kubectl: Kubectl, *arguments: str) -> Iterator[IO[str]]:
    """Watch ConfigMaps; the block begins when the watch is open. Yield what is written."""
    command = ("get", "configmaps", *arguments, "-v=6")
    with kubectl.follow(*command, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # Each request is logged when it is answered.
        assert any("watch=true" in line for line in process.stderr)
        yield process.stdout


def test_a_watch_shows_what_is_there_and_then_what_happens(filled: Kubectl) -> None:
    with (
        watching(filled, "-w", "--output-watch-events", "--no-headers") as all_events,
        watching(filled, "--watch-only", "-o", "name") as news,
        watching(filled, "-w", "-l", "colour=red", "-o", "jsonpath={.metadata.name};") as red,
    ):
        filled("create", "configmap", "new", "--from-literal=k=v")
        filled("label", "configmap", "new", "colour=red")
        filled("label", "configmap", "new", "colour=blue", "--overwrite")
        filled("delete", "configmap", "new")
        assert [all_events.readline().split()[:3] for _ in range(5)] == [
            ["ADDED", "settings", "2"],
            ["ADDED", "new", "1"],
            ["MODIFIED", "new", "1"],
            ["MODIFIED", "new", "1"],
            ["DELETED", "new", "1"],
        ]
        assert [news.readline() for _ in range(4)] == ["configmap/new\n"] * 4
        # Selected, then selected no more.
        assert red.read(8) == "new;new;"


def test_a_wait_ends_when_what_it_waits_for_is_so(filled: Kubectl) -> None:
    wait = ("wait", WAITS)
    settings = "configmap/settings"
    assert "condition met" in filled(*wait, "--for=jsonpath={.data.colour}=red", settings)
    paint = ("patch", settings, "--type=merge", "-p", '{"data":{"colour":"blue"}}')
    with meanwhile(filled, paint):
        assert "condition met" in filled(*wait, "--for=jsonpath={.data.colour}=blue", settings)
    ready = json.dumps({"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    patch = ("patch", "pod/back", "--subresource=status", "--type=merge", "-p", ready)
    with meanwhile(filled, patch):
        assert filled(*wait, "--for=condition=Ready", "pod/back") == "pod/back condition met\n"
    with meanwhile(filled, ("create", "configmap", "soon")):
        assert "condition met" in filled(*wait, "--for=create", "configmap/soon")
    with meanwhile(filled, ("delete", "configmap", "soon")):
        filled(*wait, "--for=delete", "configmap/soon")
    late = filled.refused("wait", "--timeout=300ms", "--for=condition=Ready", "pod/front")
    assert "timed out waiting for the condition on pods/front" in late


EXPLAINED = [
    ("pod", ("KIND:       Pod", "apiVersion\t<string>", "spec\t<PodSpec>")),
    ("deployments.spec.strategy", ("GROUP:      apps", "FIELD: strategy <DeploymentStrategy>")),
    ("cj.spec.schedule", ("FIELD: schedule <string>",)),
    ("svc.spec.ports.protocol", ("ENUM:", "SCTP")),
]


@ON_SQLITE
@pytest.mark.parametrize(("what", "says"), EXPLAINED)
def test_kinds_and_their_fields_are_explained(
    shared: Kubectl, what: str, says: tuple[str, ...]
) -> None:
    shown = shared("explain", what)
    for words in says:
        assert words in shown
    assert 'field "nosuch" does not exist' in shared.refused("explain", "pod.spec.nosuch")


@ON_SQLITE
def test_the_documentation_of_old_clients_is_served_too(shared: Kubectl) -> None:
    shown = shared("explain", "--output=plaintext-openapiv2", "cronjob.spec.schedule")
    assert "FIELD:    schedule <string>" in shown
    assert "The schedule in Cron format" in shown
    assert "spec	<" in shared(
        "explain", "--output=plaintext-openapiv2", "ingress", "--recursive"
    )


DESCRIBED = [
    ("pod", "front", r"Node:\s+one"),
    ("pod", "front", r"(?s)Containers:.*Image:\s+envoy:1"),
    ("configmap", "settings", r"colour:\n----\nred\n"),
    ("secret", "key", r"password:\s+4 bytes"),
    ("namespace", "default", r"Status:\s+Active"),
]


@ON_SQLITE
@pytest.mark.parametrize(("what", "name", "says"), DESCRIBED)
def test_objects_are_described(shared: Kubectl, what: str, name: str, says: str) -> None:
    assert re.search(says, shared("describe", what, name))


@ON_SQLITE
def test_events_are_shown_with_what_they_are_about(filled: Kubectl) -> None:
    pod = filled.stored("pod", "front")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "front.1"},
        "involvedObject": {
            **{name: pod[name] for name in ("apiVersion", "kind")},
            **{name: pod["metadata"][name] for name in ("name", "namespace", "uid")},
        },
        "type": "Warning",
        "reason": "Failed",
        "message": "it broke",
        "source": {"component": "tester"},
        "firstTimestamp": pod["metadata"]["creationTimestamp"],
        "lastTimestamp": pod["metadata"]["creationTimestamp"],
        "count": 3,
    }
    filled("create", "-f", "-", stdin=json.dumps(event))
    assert column(filled("get", "events"), "OBJECT") == ["pod/front"]
    assert column(filled("events", "--for=pod/front"), "REASON") == ["Failed"]
    assert re.search(
        r"Warning\s+Failed\s+.*x3.*tester\s+it broke", filled("describe", "pod", "front")
    )
    about = "involvedObject.name=front,involvedObject.kind=Pod,reason=Failed"
    assert column(filled("get", "events", "--field-selector", about), "MESSAGE") == ["it broke"]


@ON_SQLITE
def test_what_needs_a_node_fails_cleanly(shared: Kubectl) -> None:
    for command in (
        ("logs", "front", "-c", "c"),
        ("exec", "back", "--", "true"),
        ("cp", "back:/etc/hosts", "/tmp/never"),
        ("attach", "back"),
    ):
        done = shared.run(*command)
        assert done.returncode == 1, command
        assert "rror" in done.stderr
        assert "panic" not in done.stderr
    assert "pod is not running" in shared.refused("port-forward", "back", "8080:80")
    assert "Metrics API not available" in shared.refused("top", "pods")


@ON_SQLITE
def test_what_is_served_is_listed(shared: Kubectl) -> None:
    listed = shared("api-resources", "--no-headers").splitlines()
    short = {line.split()[0]: line.split()[1] for line in listed}
    assert short["configmaps"] == "cm"
    assert short["customresourcedefinitions"] == "crd,crds"
    only = shared("api-resources", "--namespaced=false", "--api-group=rbac.authorization.k8s.io")
    assert column(only, "NAME") == ["clusterrolebindings", "clusterroles"]
    able = shared("api-resources", "--verbs=list,patch", "-o", "name").split()
    assert "pods" in able
    assert "selfsubjectreviews.authentication.k8s.io" not in able
    everything = shared("api-resources", "--categories=all", "-o", "name").split()
    assert everything[:2] == ["pods", "replicationcontrollers"]
    assert "cronjobs.batch" in everything


@ON_SQLITE
def test_the_cluster_and_its_configuration_are_told(shared: Kubectl) -> None:
    server = shared("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    told = re.sub(r"\x1b\[[0-9;]*m", "", shared("cluster-info"))
    assert f"Kubernetes control plane is running at {server}\n" in told
    version = json.loads(shared("version", "-o", "json"))["serverVersion"]
    assert (version["major"], version["minor"]) == ("1", "36")
    assert shared("get", "--raw", "/healthz") == "ok"
    assert json.loads(shared("get", "--raw", "/openapi/v3"))["paths"]["apis/apps/v1"]
