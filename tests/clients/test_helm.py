"""Releases of a chart with real helm: version 3, which patches, and version 4, which applies."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Final

import pytest

from tests.clients.conftest import ON_SQLITE, WAITS, Kubectl, Program
from tests.clients.wolves import a_group, wolves

CHART: Final = {
    "Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1.0\nappVersion: '1'\n",
    "values.yaml": "colour: red\nimage: nginx:1\nreplicas: 1\nextra: true\nheadless: false\n",
    "templates/web.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-settings}
data: {colour: {{ .Values.colour }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-key}
stringData: {password: {{ .Values.colour }}}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}}
spec:
  {{ if .Values.headless }}clusterIP: None{{ end }}
  selector: {app: {{ .Release.Name }}}
  ports: [{port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers:
      - {name: web, image: "{{ .Values.image }}", ports: [{name: http, containerPort: 80}]}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-extra}
{{- end }}
{{- if .Capabilities.APIVersions.Has "apps/v1/Deployment" }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-capabilities}
data: {version: "{{ .Capabilities.KubeVersion.Minor }}"}
{{- end }}
""",
    "templates/hooks.yaml": """
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-before
  annotations: {helm.sh/hook: "pre-install,pre-upgrade"}
data: {revision: "{{ .Release.Revision }}"}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-after
  annotations:
    helm.sh/hook: post-install
    helm.sh/hook-delete-policy: hook-succeeded
""",
}
OBJECTS: Final = "configmaps,secrets,services,deployments"


@pytest.fixture
def chart(tmp_path: Path) -> str:
    """The directory of the chart."""
    directory = tmp_path / "chart"
    (directory / "templates").mkdir(parents=True)
    for name, content in CHART.items():
        (directory / name).write_text(content)
    return str(directory)


def objects(kubectl: Kubectl) -> list[str]:
    return sorted(
        name
        for name in kubectl("get", OBJECTS, "-o", "name").split()
        if "kube-root-ca" not in name and "sh.helm" not in name
    )


def spec_of(kubectl: Kubectl, name: str) -> Any:
    return kubectl.json("get", "deployment", name)["spec"]


def image_of(kubectl: Kubectl, name: str) -> str:
    image: str = spec_of(kubectl, name)["template"]["spec"]["containers"][0]["image"]
    return image


def history(helm: Program, release: str) -> list[tuple[int, str]]:
    rows = json.loads(helm("history", release, "-o", "json"))
    return [(row["revision"], row["status"]) for row in rows]


def test_a_release_from_its_installation_to_its_end(
    helm: Program, kubectl: Kubectl, chart: str
) -> None:
    helm("install", "rel", chart)
    everything = [
        *("configmap/rel-before", "configmap/rel-capabilities", "configmap/rel-extra"),
        *("configmap/rel-settings", "deployment.apps/rel", "secret/rel-key", "service/rel"),
    ]
    assert objects(kubectl) == everything
    assert kubectl.json("get", "configmap", "rel-capabilities")["data"] == {"version": "36"}
    (listed,) = json.loads(helm("list", "-o", "json"))
    assert (listed["name"], listed["revision"], listed["status"]) == ("rel", "1", "deployed")

    helm("upgrade", "rel", chart, "--set=colour=blue,replicas=3,extra=false")
    assert objects(kubectl) == [name for name in everything if name != "configmap/rel-extra"]
    assert kubectl.json("get", "configmap", "rel-settings")["data"] == {"colour": "blue"}
    assert kubectl.json("get", "configmap", "rel-before")["data"] == {"revision": "2"}
    assert kubectl.json("get", "secret", "rel-key")["data"] == {"password": "Ymx1ZQ=="}
    assert spec_of(kubectl, "rel")["replicas"] == 3
    assert json.loads(helm("get", "values", "rel", "-o", "json"))["colour"] == "blue"
    assert "colour: blue" in helm("get", "manifest", "rel")

    helm("rollback", "rel", "1")
    assert objects(kubectl) == everything
    assert spec_of(kubectl, "rel")["replicas"] == 1
    assert history(helm, "rel") == [(1, "superseded"), (2, "superseded"), (3, "deployed")]

    helm("uninstall", "rel", "--wait", WAITS)
    # What hooks made is not of the release.
    assert objects(kubectl) == ["configmap/rel-before"]
    assert helm("list", "-q") == ""


@ON_SQLITE
def test_a_release_that_the_server_refuses_changes_nothing(
    helm: Program, kubectl: Kubectl, chart: str
) -> None:
    helm("install", "rel", chart)
    before = spec_of(kubectl, "rel")
    complaint = helm.refused("upgrade", "rel", chart, "--set=replicas=-1")
    assert "spec.replicas: Invalid value: -1: must be greater than or equal to 0" in complaint
    assert spec_of(kubectl, "rel") == before
    assert history(helm, "rel") == [(1, "deployed"), (2, "failed")]
    helm("rollback", "rel", "1")
    assert history(helm, "rel")[-1] == (3, "deployed")
    complaint = helm.refused("upgrade", "rel", chart, "--set=replicas=none")
    assert "Deployment" in complaint
    assert spec_of(kubectl, "rel") == before


@ON_SQLITE
def test_a_chart_is_checked_against_the_server_without_being_installed(
    helm: Program, kubectl: Kubectl, chart: str
) -> None:
    shown = helm("template", "rel", chart, "--validate")
    assert "name: rel-capabilities" in shown
    helm("install", "rel", chart, "--dry-run=server")
    assert objects(kubectl) == []
    template = Path(chart) / "templates" / "unknown.yaml"
    template.write_text("apiVersion: example.com/v1\nkind: Goose\nmetadata: {name: g}\n")
    complaint = helm.refused("template", "rel", chart, "--validate")
    assert 'no matches for kind "Goose" in version "example.com/v1"' in complaint


@ON_SQLITE
def test_what_another_made_is_not_taken_over_unasked(
    helm: Program, kubectl: Kubectl, chart: str
) -> None:
    kubectl("create", "configmap", "rel-settings", "--from-literal=mine=yes")
    complaint = helm.refused("install", "rel", chart)
    assert "invalid ownership metadata" in complaint
    assert kubectl.json("get", "configmap", "rel-settings")["data"] == {"mine": "yes"}
    helm("upgrade", "--install", "rel", chart, "--take-ownership")
    assert kubectl.json("get", "configmap", "rel-settings")["data"]["colour"] == "red"


def test_an_upgrade_keeps_what_others_added_and_sees_what_they_changed(
    helm: Program, helm_version: str, kubectl: Kubectl, chart: str
) -> None:
    helm("install", "rel", chart)
    kubectl("label", "deployment", "rel", "owner=ann")
    kubectl("set", "image", "deployment/rel", "web=nginx:other")
    if helm_version == "3":
        # Three-way: of what the chart says nothing new about, the change stays.
        helm("upgrade", "rel", chart, "--set=replicas=2")
    else:
        complaint = helm.refused("upgrade", "rel", chart, "--set=replicas=2,image=nginx:3")
        assert 'conflict with "kubectl-set"' in complaint
        helm("upgrade", "rel", chart, "--set=replicas=2", "--force-conflicts")
    assert image_of(kubectl, "rel") == "nginx:1"
    deployment = kubectl.json("get", "deployment", "rel")
    assert deployment["spec"]["replicas"] == 2
    assert deployment["metadata"]["labels"]["owner"] == "ann"


@ON_SQLITE
def test_the_server_knows_which_form_a_release_was_written_in(
    helm: Program, helm_version: str, kubectl: Kubectl, chart: str
) -> None:
    helm("install", "rel", chart)
    found = kubectl.json("get", "deployment", "rel", "--show-managed-fields")
    owners = [(each["manager"], each["operation"]) for each in found["metadata"]["managedFields"]]
    assert owners == [("helm", "Update" if helm_version == "3" else "Apply")]


@ON_SQLITE
def test_an_installation_waits_until_all_is_ready(
    helm: Program, kubectl: Kubectl, chart: str
) -> None:
    late = helm.run("install", "late", chart, "--wait", "--timeout=1s")
    assert late.returncode == 1
    assert "deadline exceeded" in late.stderr
    assert history(helm, "late") == [(1, "failed")]
    reporting = threading.Thread(target=report_ready, args=(kubectl, "rel"))
    reporting.start()
    helm("install", "rel", chart, "--wait", WAITS, "--set=headless=true")
    reporting.join()
    assert history(helm, "rel") == [(1, "deployed")]


def report_ready(kubectl: Kubectl, name: str) -> None:
    """Do what the controller of Deployments would do, once there is one of this name."""
    kubectl("wait", "--for=create", f"deployment/{name}", WAITS)
    deployment = kubectl.json("get", "deployment", name)
    kubectl("create", "-f", "-", stdin=json.dumps(replica_set(deployment)))
    counts: dict[str, Any] = {
        "observedGeneration": 1,
        **dict.fromkeys(("replicas", "readyReplicas", "availableReplicas"), 1),
    }
    status = {
        **counts,
        "updatedReplicas": 1,
        "conditions": [
            {"type": "Available", "status": "True"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ],
    }
    for what, reported in ((f"replicaset/{name}-1", counts), (f"deployment/{name}", status)):
        patch = json.dumps({"status": reported})
        kubectl("patch", what, "--subresource=status", "--type=merge", "-p", patch)


def replica_set(deployment: Any) -> dict[str, Any]:
    """Return the ReplicaSet of a Deployment."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    owner = {
        **{key: deployment[key] for key in ("apiVersion", "kind")},
        **{key: metadata[key] for key in ("name", "uid")},
        "controller": True,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-1",
            "labels": spec["template"]["metadata"]["labels"],
            "ownerReferences": [owner],
        },
        "spec": {name: spec[name] for name in ("replicas", "selector", "template")},
    }


@ON_SQLITE
def test_a_chart_brings_its_own_kinds(helm: Program, kubectl: Kubectl, tmp_path: Path) -> None:
    """What is in the folder ``crds`` is installed first, and stays when the release goes."""
    group = a_group()
    files = {
        "Chart.yaml": CHART["Chart.yaml"],
        "crds/wolves.yaml": json.dumps(wolves(group)),
        "templates/wolf.yaml": f"""
apiVersion: {group}/v1
kind: Wolf
metadata: {{name: {{{{ .Release.Name }}}}}}
spec: {{}}
""",
    }
    for name, text in files.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    helm("install", "rel", str(tmp_path / "pack"))
    try:
        assert kubectl.json("get", f"wolves.{group}", "rel")["spec"] == {"size": 3}
        helm("uninstall", "rel", "--wait", WAITS)
        assert kubectl("get", f"wolves.{group}", "-o", "name") == ""
    finally:
        kubectl("delete", "crd", f"wolves.{group}", WAITS)
