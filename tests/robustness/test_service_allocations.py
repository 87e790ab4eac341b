"""Two servers on one etcd never allocate the same address or port to two Services."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

from storage.open import open_store
from tests.etcd_process import etcd_process
from tests.robustness.servers.http import Api
from tests.robustness.servers.runs import make_namespace
from tests.server_process import ServerProcess

#: Fewer every day than in `make robustness`: what matters is how many come at once.
SERVICES: Final = 500 if "ROBUSTNESS_SECONDS" in os.environ else 200
CLIENTS: Final = 32
FLAGS: Final = ("--service-cluster-ip-range=10.1.0.0/22",)


async def create_services(url: str, path: str, names: list[str]) -> list[dict[str, Any]]:
    """Create Services one after the other; each must be created."""
    api, made = Api.at(url), []
    for name in names:
        spec = {"type": "NodePort", "ports": [{"port": 80}]}
        answer = await api.send("POST", path, {"metadata": {"name": name}, "spec": spec})
        assert answer.status == 201, answer
        made.append(answer.json)
    api.close()
    return made


async def delete_services(url: str, path: str, names: list[str]) -> None:
    api = Api.at(url)
    for name in names:
        assert (await api.send("DELETE", f"{path}/{name}")).status == 200
    api.close()


async def taken(etcd: str) -> tuple[set[str], int]:
    """Return the addresses in the store and how many ports are taken in it."""
    store = await open_store(f"etcd://{etcd.removeprefix('http://')}")
    prefix = "/registry/ipaddresses/"
    addresses = {each.key.removeprefix(prefix) for each in (await store.list(prefix)).records}
    ports = await store.get("/registry/ranges/servicenodeports")
    await store.close()
    value = b"" if ports is None else ports.value
    data = value.partition(b'"data":"')[2].partition(b'"')[0]
    return addresses, int.from_bytes(b64decode(data)).bit_count()


async def test_no_two_services_get_the_same(tmp_path: Path) -> None:
    names = [
        [f"s{number}" for number in range(client, SERVICES, CLIENTS)] for client in range(CLIENTS)
    ]
    with etcd_process() as etcd:
        flags = (f"--etcd-servers={etcd.endpoint}", f"--cert-dir={tmp_path / 'identity'}", *FLAGS)
        servers = [ServerProcess(tmp_path / name, *flags) for name in ("one", "other")]
        try:
            for server in servers:
                server.start()
            path = f"/api/v1/namespaces/{await make_namespace(servers[0].url)}/services"
            before, _ = await taken(etcd.endpoint)
            made = await asyncio.gather(
                *(
                    create_services(servers[number % 2].url, path, each)
                    for number, each in enumerate(names)
                )
            )
            specs = [service["spec"] for each in made for service in each]
            addresses = {spec["clusterIP"] for spec in specs}
            ports = {spec["ports"][0]["nodePort"] for spec in specs}
            assert (len(addresses), len(ports)) == (SERVICES, SERVICES)
            assert await taken(etcd.endpoint) == (addresses | before, SERVICES)
            await asyncio.gather(
                *(
                    delete_services(servers[number % 2].url, path, each)
                    for number, each in enumerate(names)
                )
            )
            assert await taken(etcd.endpoint) == (before, 0)
        finally:
            for server in servers:
                server.kill()
        for server in servers:
            assert "Traceback" not in server.log, server.log
