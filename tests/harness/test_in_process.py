"""A server in a thread of this process."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from apiserver.machinery import randomness, times
from apiserver.registry import get
from apiserver.testing import ApiServer, StartFailed


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    with ApiServer(in_process=True, seed=1) as started:
        yield started
        started.clock.freeze(0)
    assert abs(times.system_clock().time() - time.time()) < 60
    assert randomness.random_bytes(16) != randomness.random_bytes(16)


def test_flags_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StartFailed, match="a flag is wrong"):
        ApiServer("--secure-port=x", in_process=True).start()
    assert 'invalid argument "x" for "--secure-port"' in capsys.readouterr().err


async def test_asynchronous_tests_have_servers_too() -> None:
    async with ApiServer(in_process=True) as server:
        found = await server.until(lambda: server.request("GET", "/api/v1/namespaces/default"))
        # It stays connected, and uvloop would warn of a transport that is open at the end.
        idle = HTTPSConnection(
            server.url.removeprefix("https://"),
            context=ssl.create_default_context(cafile=str(server.ca_file)),
        )
        idle.request("GET", "/version")
        assert idle.getresponse().read()
    idle.close()
    assert found["status"]["phase"] == "Active"


def test_it_is_a_server_like_the_other(server: ApiServer) -> None:
    core, snapshot = client.CoreV1Api(server.admin.client()), server.snapshot()
    with server.clock.frozen("2030-01-01T00:00:00Z"):
        created = core.create_namespaced_config_map("default", {"metadata": {"name": "a"}})
    assert created.metadata.creation_timestamp.year == 2030
    with server.faults.refuse(503, verb="get") as fault, pytest.raises(ApiException, match="503"):
        core.read_namespaced_config_map("a", "default")
    assert [each.status for each in fault.hits] == [503]
    assert server.reset(snapshot) == 1
    server.requests.assert_any(verb="create", name="a")


def test_flags_do_not_take_its_files_from_the_harness(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("other,other,1\n")
    server = ApiServer(f"--token-auth-file={tokens}", f"--data-dir={tmp_path}")
    with server:
        assert server.request("GET", "/api/v1/namespaces/default")
        assert server.directory != tmp_path
    assert tokens.read_text() == "other,other,1\n"


def test_its_code_can_be_reached(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = []
    problems = get.path_segment_problems
    monkeypatch.setattr(
        get, "path_segment_problems", lambda name: reached.append(name) or problems(name)
    )
    server.request("GET", "/api/v1/namespaces/default")
    assert reached == ["default"]


def test_one_runs_at_a_time(server: ApiServer) -> None:
    assert server.url
    with pytest.raises(StartFailed, match="another server runs"):
        ApiServer(in_process=True).start()
