"""The pytest plugin, in projects of others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PLUGIN = ("-p", "apiserver.testing.plugin")

CONFTEST = """
import pytest

@pytest.fixture(scope="session", autouse=True)
def base(apiserver):
    apiserver.request("POST", "/api/v1/namespaces", {"metadata": {"name": "base"}})
"""

TESTS = """
import os, subprocess
from datetime import datetime, UTC
import pytest
from kubernetes.client import ApiException, CoreV1Api

NAMES = "/api/v1/namespaces"

def names(server):
    return {each["metadata"]["name"] for each in server.request("GET", NAMES)["items"]}

def test_leaves_an_object_behind(apiserver):
    apiserver.request("POST", NAMES, {"metadata": {"name": "left"}})
    apiserver.faults.refuse(500)
    apiserver.clock.freeze(0)

def test_finds_nothing_of_it(apiserver, kube_client):
    assert "left" not in names(apiserver)
    assert "base" in names(apiserver), "but what is of the session remains"
    CoreV1Api(kube_client).list_node()
    assert apiserver.clock.now().year > 2000

def test_flags_come_from_the_ini_file_and_the_command_line(apiserver):
    service = apiserver.request("GET", "/api/v1/namespaces/default/services/kubernetes")
    assert service["spec"]["clusterIP"] == "10.77.0.1"
    ports = {"ports": [{"port": 1, "nodePort": 31000}], "type": "NodePort"}
    with pytest.raises(Exception, match="provided port is not in the valid range"):
        apiserver.request("POST", NAMES + "/base/services",
                          {"metadata": {"name": "s"}, "spec": ports})

def test_a_namespace_of_its_own(apiserver, kube_namespace, kube_client):
    CoreV1Api(kube_client).create_namespaced_secret(kube_namespace, {"metadata": {"name": "s"}})
    assert kube_namespace in names(apiserver)

def test_the_namespace_is_gone(apiserver):
    assert not any(name.startswith("test-") for name in names(apiserver))

def test_kubectl_finds_the_server(kubeconfig):
    assert os.environ["KUBECONFIG"] == str(kubeconfig)
    done = subprocess.run(["kubectl", "get", "namespaces", "-o", "name"],
                          capture_output=True, text=True, check=True)
    assert "namespace/base" in done.stdout.split()

def test_users(kube_admin, kube_user):
    alice = kube_user("alice", groups=["dev"], can={"pods": "list"})
    core = CoreV1Api(alice.client())
    assert core.list_namespaced_pod("default").items == []
    with pytest.raises(ApiException, match="Forbidden"):
        core.list_namespaced_secret("default")
    CoreV1Api(kube_admin.client()).list_namespaced_secret("default")

def test_definitions(crds, apiserver, tmp_path):
    (tmp_path / "crd.yaml").write_text(CRD)
    assert crds(tmp_path) == ["widgets.example.com"]
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    apiserver.request("POST", "/apis/example.com/v1/namespaces/base/widgets", widget)
    with pytest.raises(FileNotFoundError):
        crds(tmp_path / "missing")

def test_faults_and_time(faults, kube_clock, kube_client):
    faults.unavailable(count=1)
    with pytest.raises(ApiException, match="503"):
        CoreV1Api(kube_client).list_node()
    assert kube_clock.freeze("2030-01-01") == datetime(2030, 1, 1, tzinfo=UTC)

def test_fails(kube_client):
    CoreV1Api(kube_client).read_namespaced_secret("nothing", "base")

CRD = '''
kind: ConfigMap
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
'''
"""

INI = """
[pytest]
apiserver_flags = --service-cluster-ip-range=10.77.0.0/16
apiserver_seed = 1
usefixtures = apiserver_reset
addopts = -p no:cacheprovider
"""


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kubectl be found beside this Python."""
    import sys

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def test_every_fixture_does_what_it_says(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(TESTS)
    pytester.makeini(INI)
    options = ("--apiserver-flag=--service-node-port-range=30000-30100",)
    result = pytester.runpytest_subprocess(*PLUGIN, *options)
    result.assert_outcomes(passed=9, failed=1)
    result.stdout.fnmatch_lines([
        "*apiserver: last requests*",
        "404 kubernetes-admin GET /api/v1/namespaces/base/secrets/nothing",
        "*apiserver: log*",
    ])  # fmt: skip
    assert "test_leaves_an_object_behind" not in result.stdout.str()


def test_every_worker_of_xdist_has_a_server_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_alone(apiserver, number, tmp_path_factory):
            name = {"metadata": {"name": f"c{number % 2}-{number // 2}"}}
            apiserver.request("POST", "/api/v1/namespaces/default/configmaps", name)
            seen = tmp_path_factory.getbasetemp().parent / "urls"
            with seen.open("a") as file:
                file.write(apiserver.url + "\\n")
    """)
    pytester.runpytest_subprocess(*PLUGIN, "-n2", "--dist=load").assert_outcomes(passed=6)
    (seen,) = pytester.path.parent.rglob("urls")
    assert len(set(seen.read_text().split())) == 2


WATCHED_LAUNCHES = """
from apiserver.testing import launching

collected, launch = [], launching.launch

def told(*arguments, **options):
    print("LAUNCHED", "late" if collected else "early")
    return launch(*arguments, **options)

launching.launch = told

def pytest_collection_finish():
    collected.append(True)
"""


def test_a_server_starts_early_if_the_last_run_has_used_one(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(WATCHED_LAUNCHES)
    pytester.makepyfile(
        test_with='def test_it(apiserver): apiserver.request("GET", "/readyz")',
        test_without="def test_it(): pass",
    )

    def launched(file: str) -> list[str]:
        done = pytester.runpytest_subprocess(*PLUGIN, "-s", file)
        done.assert_outcomes(passed=1)
        return [line.split()[-1] for line in done.outlines if "LAUNCHED" in line]

    assert launched("test_with.py") == ["late"]
    assert launched("test_with.py") == ["early"]
    assert launched("test_without.py") == ["early"], "and is stopped"
    assert launched("test_without.py") == []


def test_a_server_that_does_not_start_says_why(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(apiserver): pass")
    result = pytester.runpytest_subprocess(*PLUGIN, "--apiserver-flag=--explode")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*StartFailed: the server ended:*", "*unknown flag: --explode*"])
