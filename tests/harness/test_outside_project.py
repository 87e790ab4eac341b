"""Another project that installs the wheel and tests its own operator with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ("apiserver", "storage", "pyproject.toml", "README.md", "LICENSE")

OPERATOR: Final = '''
"""Keeps a Secret for every Widget, and renews it when a day has gone."""

from datetime import datetime, timedelta

import kopf
from kubernetes import client, config


@kopf.on.startup()
def configure(settings, **_):
    settings.networking.error_backoffs = [0.05] * 100
    settings.watching.reconnect_backoff = 0.05
    config.load_kube_config()


@kopf.on.create("example.com", "v1", "widgets")
@kopf.on.update("example.com", "v1", "widgets", field="spec")
def ensure_secret(name, namespace, spec, **_):
    core = client.CoreV1Api()
    secret = {"metadata": {"name": name}, "stringData": {"size": str(spec.get("size", 0))}}
    try:
        core.create_namespaced_secret(namespace, secret)
    except client.ApiException as error:
        if error.status != 409:
            raise kopf.TemporaryError(f"refused: {error.status}", delay=0.05)
        core.patch_namespaced_secret(name, namespace, secret)


def is_old(secret, now):
    created = datetime.fromisoformat(secret["metadata"]["creationTimestamp"])
    return now - created > timedelta(days=1)
'''

TESTS: Final = """
import base64
import threading

import kopf
import operator_of_widgets
import pytest

WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SECRETS = "/api/v1/namespaces/default/secrets"
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [{
            "name": "v1", "served": True, "storage": True,
            "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": True,
            }},
        }],
    },
}


@pytest.fixture(scope="session", autouse=True)
def definitions(apiserver):
    apiserver.install_crds(CRD)


@pytest.fixture
def running(kubeconfig):
    ready, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: kopf.run(
        standalone=True, clusterwide=True, ready_flag=ready, stop_flag=stop,
    ))
    thread.start()
    try:
        assert ready.wait(60)
        yield
    finally:
        stop.set()
        thread.join(60)


def widget(name, size):
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name},
            "spec": {"size": size}}


def size_of(server, name):
    data = server.request("GET", f"{SECRETS}/{name}")["data"]["size"]
    return base64.b64decode(data).decode()


def test_every_widget_has_a_secret(running, apiserver):
    apiserver.request("POST", WIDGETS, widget("a", 1))
    assert apiserver.wait_for(lambda: size_of(apiserver, "a") == "1")
    apiserver.request("PATCH", f"{WIDGETS}/a", {"spec": {"size": 2}})
    assert apiserver.wait_for(lambda: size_of(apiserver, "a") == "2")
    apiserver.requests.assert_any(verb="create", resource="secrets", name="a", status=201)


def test_nothing_is_left_of_the_test_before(apiserver):
    assert apiserver.request("GET", WIDGETS)["items"] == []
    assert apiserver.request("GET", SECRETS)["items"] == []


def test_refusals_and_lost_answers_are_survived(running, apiserver, faults):
    refused = faults.unavailable(verb="create", resource="secrets", count=2)
    lost = faults.drop_answer(verb="create", resource="secrets", skip=2, count=1)
    apiserver.request("POST", WIDGETS, widget("b", 3))
    assert apiserver.wait_for(lambda: size_of(apiserver, "b") == "3")
    apiserver.wait_for(lambda: lost.hits)
    assert len(refused.hits) == 2


def test_watches_that_break_are_opened_again(running, apiserver, faults):
    apiserver.wait_for(lambda: apiserver.requests.filter(verb="watch", resource="widgets"))
    cut = faults.cut_watch(resource="widgets", count=1)
    apiserver.request("POST", WIDGETS, widget("c", 4))
    assert apiserver.wait_for(lambda: size_of(apiserver, "c") == "4")
    # The operator may have found the widget in a list. A change of it comes by a watch.
    apiserver.request("PATCH", f"{WIDGETS}/c", {"spec": {"size": 5}})
    assert apiserver.wait_for(lambda: size_of(apiserver, "c") == "5")
    assert apiserver.wait_for(lambda: cut.hits)
    assert len(cut.hits) == 1


def test_secrets_grow_old(apiserver, kube_clock):
    kube_clock.freeze("2030-01-01T00:00:00Z")
    secret = apiserver.request("POST", SECRETS, {"metadata": {"name": "s"}})
    assert not operator_of_widgets.is_old(secret, kube_clock.now())
    assert operator_of_widgets.is_old(secret, kube_clock.advance("25h"))
"""

INI: Final = """
[pytest]
usefixtures = apiserver_reset
filterwarnings =
    ignore
"""


def outside() -> dict[str, str]:
    """Return the environment in which nothing leads to this repository, nor to its metadata."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of a virtual environment with the wheel; what it depends on is ours."""
    source = tmp_path / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    quiet = ("-q", "--disable-pip-version-check", "--no-deps", "--no-index")
    pip = (sys.executable, "-m", "pip")
    wheels, environment = tmp_path / "wheels", tmp_path / "environment"
    python = environment / "bin" / "python"

    def run(*command: str | Path) -> None:
        subprocess.run(command, cwd=tmp_path, env=outside(), check=True)

    run(*pip, "wheel", *quiet, "--no-build-isolation", "-w", wheels, source)
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    (wheel,) = wheels.glob("*.whl")
    run(*pip, "--python", python, "install", *quiet, wheel)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = environment / "lib" / version / "site-packages"
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def test_an_operator_is_tested_with_what_is_in_the_wheel(python: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "operator_of_widgets.py").write_text(OPERATOR)
    (project / "test_operator.py").write_text(TESTS)
    (project / "pytest.ini").write_text(INI)
    known = outside()
    where = "import apiserver.testing as t; print(t.__file__)"
    found = subprocess.run(
        [python, "-c", where], cwd=project, env=known, capture_output=True, text=True, check=True
    )
    assert found.stdout.startswith(str(tmp_path))
    done = subprocess.run(
        [python, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=project,
        env=known,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "5 passed" in done.stdout, done.stdout + done.stderr
