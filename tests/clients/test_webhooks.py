"""Webhooks as people write them: the one of the README, with aiohttp, and an operator of kopf."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.conftest import ON_SQLITE, Kubectl
from tests.clients.test_kopf import running_operator
from tests.free_ports import free_port
from tests.unit.client.webhook_server import make_certificate
from tests.waiting import wait_until

README = Path(__file__).parents[2] / "README.md"
OPERATOR = """
import os
import kopf

@kopf.on.startup()
def configure(settings, **_):
    settings.networking.error_backoffs = [0.1] * 300
    settings.admission.managed = os.environ["NAMESPACE"] + ".kopf.dev"
    settings.admission.server = kopf.WebhookServer(
        addr="127.0.0.1", port=int(os.environ["PORT"]), cafile="CERTIFICATE",
        certfile="CERTIFICATE", pkeyfile="KEY",
    )

@kopf.on.mutate("configmaps", labels={"watched": "yes"})
def label(patch, warnings, **_):
    patch.metadata.labels["seen"] = "by-kopf"
    warnings.append("a label was added")

@kopf.on.validate("configmaps", operations=["DELETE"], labels={"watched": "yes"})
def keep(name, **_):
    raise kopf.AdmissionError(f"{name} stays", code=403)
"""

pytestmark = ON_SQLITE


@pytest.fixture
def example(kubectl: Kubectl, tmp_path: Path) -> Iterator[None]:
    """Follow the README, with the webhook on a free port and for the namespace of kubectl."""
    section = README.read_text().partition("### Webhooks")[2].partition("\n### ")[0]
    section = section.replace("8443", str(free_port()))
    blocks = re.findall(r"^```\w+\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    program, commands = blocks
    selector = f"{{matchLabels: {{kubernetes.io/metadata.name: {kubectl.namespace}}}}}"
    commands = commands.replace("  rules:", f"  namespaceSelector: {selector}\n  rules:")
    (tmp_path / "webhook.py").write_text(program)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with (tmp_path / "log").open("wb") as log:
        shell = subprocess.Popen(
            ["bash", "-c", f"set -e\n{commands}wait"],
            cwd=tmp_path,
            env={**os.environ, **kubectl.environment, "PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
        assert shell.poll() is None, (tmp_path / "log").read_text()
    finally:
        os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
        kubectl("delete", "mutatingwebhookconfiguration", "labels")


def test_the_webhook_of_the_readme(example: None, kubectl: Kubectl) -> None:
    def is_labelled() -> bool:
        tried = kubectl.run("create", "configmap", "a", "--dry-run=server", "-o", "json")
        if tried.returncode:
            # Its configuration is in force, and it does not listen yet.
            assert "connection refused" in tried.stderr
            return False
        return json.loads(tried.stdout)["metadata"].get("labels") == {"seen": "yes"}

    wait_until(is_labelled)


def test_admission_handlers_of_kopf(
    kubectl: Kubectl,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    certificate = make_certificate("127.0.0.1")
    paths = {"CERTIFICATE": tmp_path / "tls.crt", "KEY": tmp_path / "tls.key"}
    paths["CERTIFICATE"].write_text(certificate.pem)
    paths["KEY"].write_text(certificate.key)
    program = OPERATOR
    for name, path in paths.items():
        program = program.replace(name, str(path))
    monkeypatch.setenv("PORT", str(free_port()))
    monkeypatch.setenv("NAMESPACE", kubectl.namespace)
    sort = "mutatingwebhookconfiguration,validatingwebhookconfiguration"
    request.addfinalizer(lambda: kubectl("delete", sort, f"{kubectl.namespace}.kopf.dev"))
    with running_operator(kubectl, tmp_path, program) as operator:
        operator.wait_until(lambda: kubectl.namespace in kubectl("get", sort, "-o", "name"))
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "a", "labels": {"watched": "yes"}},
        }
        created = kubectl.run("create", "-f", "-", "-o", "json", stdin=json.dumps(body))
        assert created.returncode == 0, created.stderr
        labels = json.loads(created.stdout)["metadata"]["labels"]
        assert labels == {"watched": "yes", "seen": "by-kopf"}
        assert "Warning: a label was added" in created.stderr
        assert "denied the request: a stays" in kubectl.refused("delete", "configmap", "a")
        assert kubectl("get", "configmap", "a", "-o", "name") == "configmap/a\n"
