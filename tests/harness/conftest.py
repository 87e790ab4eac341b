"""One server for all tests of the harness, which is put back after each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from kubernetes import client

from apiserver.testing import ApiServer

ROOT: Final = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other processes import what is tested here, not what is installed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(autouse=True)
def put_back(request: pytest.FixtureRequest) -> None:
    """Reset the server after every test that uses it."""
    if "apiserver" in request.fixturenames:
        request.getfixturevalue("apiserver_reset")


@pytest.fixture
def core(kube_client: Any) -> client.CoreV1Api:
    """The core API, as the administrator sees it."""
    return client.CoreV1Api(kube_client)


class ConfigMaps:
    """ConfigMaps of the namespace default, as the official client handles them."""

    def __init__(self, core: client.CoreV1Api) -> None:
        self._core = core

    def create(self, name: str, **data: str) -> Any:
        body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name), data=data)
        return self._core.create_namespaced_config_map("default", body)

    def patch(self, name: str, **data: str) -> Any:
        return self._core.patch_namespaced_config_map(name, "default", {"data": data})

    def delete(self, name: str) -> None:
        self._core.delete_namespaced_config_map(name, "default")

    def read(self, name: str, **options: Any) -> Any:
        return self._core.read_namespaced_config_map(name, "default", **options)

    def names(self, **options: Any) -> list[str]:
        found = self._core.list_namespaced_config_map("default", **options).items
        return [each.metadata.name for each in found if each.metadata.name != "kube-root-ca.crt"]


@pytest.fixture
def configmaps(core: client.CoreV1Api) -> ConfigMaps:
    return ConfigMaps(core)


@pytest.fixture(scope="session")
def other_server() -> Iterator[ApiServer]:
    """A server with a seed, for what the one of the session is not to be used for."""
    with ApiServer(seed=1) as server:
        yield server
