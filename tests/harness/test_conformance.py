"""The conformance suite: the choice of its server, and its output."""

from __future__ import annotations

from pathlib import Path

from apiserver.testing import ApiServer
from apiserver.testing.conformance.conformance_client import connect
from tests.conformance_run import features_of, run_conformance


def test_failures_are_counted(tmp_path: Path) -> None:
    done = run_conformance(tmp_path, "--server=http://127.0.0.1:1", "-k", "test_openapi")
    assert done.returncode == 1
    assert features_of(done.stdout) == {"openapi": (0, 2, 0)}


def test_what_a_server_does_not_serve_is_skipped(apiserver: ApiServer, tmp_path: Path) -> None:
    server = f"--kubeconfig={apiserver.kubeconfig}"
    done = run_conformance(tmp_path, server, "-k", "protobuf")
    assert done.returncode == 0
    # Responses are never protobuf here.
    assert features_of(done.stdout) == {"negotiation": (1, 0, 1)}


def test_a_server_must_be_named(tmp_path: Path) -> None:
    done = run_conformance(tmp_path)
    assert done.returncode == 4
    assert "Give --server=URL or --kubeconfig=FILE" in done.stderr


def test_a_server_is_named_by_its_url_or_a_kubeconfig(apiserver: ApiServer) -> None:
    by_file = connect("", "", str(apiserver.kubeconfig))
    assert by_file.read("/version")["major"] == "1"
    by_url = connect(apiserver.url, apiserver.admin.token, "")
    assert by_url.read("/version") == by_file.read("/version")
    assert connect(apiserver.url, "", "").get("/api/v1/nodes").status == 403
