"""Encryption at rest: stored values, keys, and rewriting with a new key."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from apiserver.access.configuration_files import ConfigurationError
from apiserver.server import assembly
from storage.memory import MemoryStore
from tests.unit.registry.encryption.plugin import Plugin
from tests.unit.server.in_process import InProcess, server_in_process
from tests.waiting import eventually

SECRETS = "/api/v1/namespaces/default/secrets"
MAPS = "/api/v1/namespaces/default/configmaps"
IDENTITY = "{identity: {}}"


def keys(kind: str, *names: str, size: int = 32) -> str:
    """Return a provider with keys whose secrets follow from their names."""
    listed = ", ".join(
        f"{{name: {name}, secret: {base64.b64encode(name.encode().ljust(size)).decode()}}}"
        for name in names
    )
    return f"{{{kind}: {{keys: [{listed}]}}}}"


def rule(resources: str, *providers: str) -> str:
    return f"- resources: [{resources}]\n  providers: [{', '.join(providers)}]\n"


class Cluster:
    """Servers, one after the other, on one store."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = MemoryStore()
        self.file = folder / "encryption.yaml"
        self._folder = folder

        async def opened(*_: Any, **__: Any) -> MemoryStore:
            return self.store

        monkeypatch.setattr(assembly, "open_store", opened)

    def configure(self, *rules: str) -> None:
        head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n"
        self.file.write_text(f"{head}resources:\n{''.join(rules)}")

    @asynccontextmanager
    async def serving(self, *rules: str) -> AsyncIterator[InProcess]:
        """Run a server, without encryption if there are no rules."""
        flags = [f"--encryption-provider-config={self.file}"] if rules else []
        self.configure(*rules)
        async with server_in_process(self._folder, *flags) as server:
            yield server

    async def stored(self, key: str) -> bytes:
        record = await self.store.get(f"/registry/{key}")
        assert record is not None
        return record.value


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(tmp_path, monkeypatch)


def secret(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "stringData": {"a": "b" * 20}}


async def created(server: InProcess, path: str, document: dict[str, Any]) -> dict[str, Any]:
    answer = await server.ask("POST", path, document)
    assert answer.status == 201, answer.body
    body: dict[str, Any] = answer.body
    return body


@pytest.mark.parametrize("kind", ["aescbc", "aesgcm", "secretbox"])
async def test_what_is_encrypted_is_not_readable_in_the_store(cluster: Cluster, kind: str) -> None:
    async with cluster.serving(rule("secrets", keys(kind, "k1"), IDENTITY)) as server:
        made = await created(server, SECRETS, secret("s"))
        await created(server, MAPS, {"metadata": {"name": "plain"}})
        assert (await server.get(f"{SECRETS}/s")).body == made
        assert [each["metadata"]["name"] for each in (await server.get(SECRETS)).body["items"]] == [
            "s"
        ]
    stored = await cluster.stored("secrets/default/s")
    assert stored.startswith(f"k8s:enc:{kind}:v1:k1:".encode())
    assert b"stringData" not in stored
    assert b"metadata" not in stored
    assert (await cluster.stored("configmaps/default/plain")).startswith(b'{"kind"')
    async with cluster.serving(rule("secrets", keys(kind, "k1"))) as server:
        assert (await server.get(f"{SECRETS}/s")).body == made


async def test_the_most_specific_rule_is_that_of_a_resource(cluster: Cluster) -> None:
    rules = (
        rule("secrets", keys("aesgcm", "exact")),
        rule("'*.'", keys("aesgcm", "core"), IDENTITY),
        rule("'*.apps'", keys("aesgcm", "apps")),
        rule("'*.*'", keys("aesgcm", "all"), IDENTITY),
    )
    async with cluster.serving(*rules) as server:
        await created(server, SECRETS, secret("s"))
        await created(server, MAPS, {"metadata": {"name": "m"}})
        ports = {"type": "NodePort", "ports": [{"port": 80}]}
        service = {"metadata": {"name": "v"}, "spec": ports}
        await created(server, "/api/v1/namespaces/default/services", service)
        account = {"metadata": {"name": "a"}}
        await created(server, "/api/v1/namespaces/default/serviceaccounts", account)
        role = {"metadata": {"name": "r"}}
        await created(server, "/apis/rbac.authorization.k8s.io/v1/clusterroles", role)
        lease = {"metadata": {"name": "l"}}
        path = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
        await created(server, path, lease)
        definition = crd()
        await created(server, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        custom = {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w"},
        }

        async def is_created() -> bool:
            answer = await server.ask("POST", "/apis/example.com/v1/widgets", custom)
            return answer.status == 201

        await eventually(is_created)
    found = {
        key: (await cluster.stored(key)).split(b":")[4].decode()
        for key in (
            "secrets/default/s", "configmaps/default/m", "serviceaccounts/default/a",
            "clusterroles/r", "leases/default/l", "example.com/widgets/w",
            "apiextensions.k8s.io/customresourcedefinitions/widgets.example.com",
        )
    }  # fmt: skip
    assert list(found.values()) == ["exact", "core", "core", "all", "all", "all", "all"]
    ranges = await cluster.stored("ranges/servicenodeports")
    assert ranges.startswith(b"{"), "no resource of the API"


def crd() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    return {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Cluster", "names": names, "versions": [version],
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "prefix"),
    [
        ([IDENTITY], [keys("aesgcm", "k1"), IDENTITY], b"k8s:enc:aesgcm:v1:k1:"),
        ([keys("aesgcm", "k1")], [keys("aesgcm", "k2", "k1")], b"k8s:enc:aesgcm:v1:k2:"),
        (
            [keys("aesgcm", "k1")],
            [keys("secretbox", "k1"), keys("aesgcm", "k1")],
            b"k8s:enc:secretbox:v1:k1:",
        ),
        ([keys("aescbc", "k1")], [IDENTITY, keys("aescbc", "k1")], b'{"kind":"Secret"'),
    ],
)
@pytest.mark.parametrize("reloaded", [False, True], ids=["restarted", "reloaded"])
async def test_an_update_that_changes_nothing_writes_stale_data(
    cluster: Cluster, before: list[str], after: list[str], prefix: bytes, *, reloaded: bool
) -> None:
    async with cluster.serving(rule("secrets", *before)) as server:
        made = await created(server, SECRETS, secret("s"))
        same = await server.ask("PUT", f"{SECRETS}/s", made)
        assert same.body["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        if reloaded:
            cluster.configure(rule("secrets", *after))
            await reload(server)
            await rewritten(server, made)
            assert (await cluster.stored("secrets/default/s")).startswith(prefix)
            return
    async with cluster.serving(rule("secrets", *after)) as server:
        await rewritten(server, made)
    assert (await cluster.stored("secrets/default/s")).startswith(prefix)


async def test_configurations_take_effect_in_their_order(cluster: Cluster) -> None:
    async with cluster.serving(rule("secrets", IDENTITY)) as server:
        assert server.encryption is not None
        for name in ("k1", "k2", "k3"):
            cluster.configure(rule("secrets", keys("aesgcm", name)))
            server.encryption.reload()
        await asyncio.wait(server.encryption._switches)
        await created(server, SECRETS, secret("s"))
        text = (await server.ask("GET", "/metrics")).body.decode()
        assert 'automatic_reloads_total{status="success"} 3.0' in text
    assert (await cluster.stored("secrets/default/s")).startswith(b"k8s:enc:aesgcm:v1:k3:")


async def reload(server: InProcess) -> None:
    """Let a server read its configuration again, and the objects after that."""
    encryption = server.encryption
    assert encryption is not None
    before = encryption._providers
    encryption.reload()

    async def has_changed() -> bool:
        return encryption._providers is not before

    await eventually(has_changed)


async def rewritten(server: InProcess, made: dict[str, Any]) -> None:
    """Update an object with itself until that has written it, once."""

    async def is_written() -> bool:
        answer = await server.ask("PUT", f"{SECRETS}/s", made)
        assert answer.status == 200, answer.body
        version = answer.body["metadata"]["resourceVersion"]
        return bool(version != made["metadata"]["resourceVersion"])

    await eventually(is_written)
    current = (await server.get(f"{SECRETS}/s")).body
    again = await server.ask("PUT", f"{SECRETS}/s", current)
    assert again.body["metadata"]["resourceVersion"] == current["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("providers", "cause"),
    [
        ([], "identity transformer tried to read encrypted data"),
        ([keys("secretbox", "k1")], "no matching prefix found"),
        ([IDENTITY], "no matching prefix found"),
        ([keys("aesgcm", "k2")], "no matching key was found for the provided AES transformer"),
        ([keys("aesgcm", "k1", size=16)], "cipher: message authentication failed"),
    ],
)
async def test_what_cannot_be_decrypted_is_an_internal_error_of_its_own(
    cluster: Cluster, providers: list[str], cause: str
) -> None:
    async with cluster.serving(rule("secrets", keys("aesgcm", "k1"))) as server:
        await created(server, SECRETS, secret("s"))
    async with cluster.serving(*([rule("secrets", *providers)] if providers else [])) as server:
        message = f"Internal error occurred: {cause}"
        for method in ("GET", "DELETE"):
            answer = await server.ask(method, f"{SECRETS}/s")
            assert (answer.status, answer.message) == (500, message)
            assert answer.body["reason"] == "InternalError"
            assert answer.body["details"] == {"causes": [{"message": cause}]}
        answer = await server.ask("PUT", f"{SECRETS}/s", secret("s"))
        assert (answer.status, answer.message) == (500, message)
        where = 'unable to transform key "/registry/secrets/default/s": '
        for method, path in (
            ("GET", "/api/v1/secrets"),
            ("GET", "/api/v1/secrets?labelSelector=a"),
            ("DELETE", SECRETS),
        ):
            answer = await server.ask(method, path)
            assert (answer.status, answer.message) == (
                500,
                f"Internal error occurred: {where}{cause}",
            )
        assert (await server.ask("POST", SECRETS, secret("s"))).status == 409
        # Everything else is served as usual.
        await created(server, SECRETS, secret("other"))
        assert (await server.get(f"{SECRETS}/other")).status == 200
        assert (await server.get(MAPS)).status == 200


async def test_a_value_that_was_copied_in_the_store_cannot_be_read(cluster: Cluster) -> None:
    async with cluster.serving(rule("secrets", keys("aesgcm", "k1"))) as server:
        await created(server, SECRETS, secret("s"))
        copied = await cluster.stored("secrets/default/s")
        await cluster.store.put("/registry/secrets/default/t", copied, expected=0)
        answer = await server.ask("GET", f"{SECRETS}/t")
        assert answer.message == "Internal error occurred: cipher: message authentication failed"
        # A list says which one it is, in a converted version, too.
        key = "/registry/horizontalpodautoscalers/default/h"
        await cluster.store.put(key, copied, expected=0)
        answer = await server.ask("GET", "/apis/autoscaling/v1/horizontalpodautoscalers")
        assert answer.message == (
            f'Internal error occurred: unable to transform key "{key}": '
            "identity transformer tried to read encrypted data"
        )


async def test_a_file_with_errors_changes_nothing(cluster: Cluster) -> None:
    async with cluster.serving(rule("secrets", keys("aesgcm", "k1"))) as server:
        assert server.encryption is not None
        for text in ("", "a: [", "kind: Pod", "x" * 100):
            cluster.file.write_text(text)
            with pytest.raises(ConfigurationError, match=r"encryption\.yaml: "):
                server.encryption.reload()
        cluster.file.unlink()
        with pytest.raises(OSError, match=r"encryption\.yaml"):
            server.encryption.reload()
        text = (await server.ask("GET", "/metrics")).body.decode()
        name = "apiserver_encryption_config_controller_automatic_reloads_total"
        assert f'{name}{{status="failure"}} 5.0' in text
        await created(server, SECRETS, secret("s"))
    assert (await cluster.stored("secrets/default/s")).startswith(b"k8s:enc:aesgcm:v1:k1:")


async def test_a_secret_of_the_largest_size_is_encrypted(cluster: Cluster) -> None:
    async with cluster.serving(rule("secrets", keys("secretbox", "k1"))) as server:
        data = base64.b64encode(os.urandom(700_000)).decode()
        document = {"metadata": {"name": "large"}, "data": {"a": data}}
        made = await created(server, SECRETS, document)
        assert made["data"]["a"] == data
        assert (await server.get(f"{SECRETS}/large")).body["data"]["a"] == data


def kms(plugin: Plugin, name: str = "p") -> str:
    return f"{{kms: {{apiVersion: v2, name: {name}, endpoint: '{plugin.endpoint}', timeout: 1s}}}}"


async def test_a_kms_plugin_encrypts_and_decrypts(cluster: Cluster, tmp_path: Path) -> None:
    plugin = Plugin(tmp_path / "kms.sock")
    async with plugin.serving():
        async with cluster.serving(rule("secrets", keys("aesgcm", "k1"))) as server:
            made = await created(server, SECRETS, secret("s"))
            cluster.configure(rule("secrets", kms(plugin), keys("aesgcm", "k1")))
            await reload(server)
            await rewritten(server, made)
        stored = await cluster.stored("secrets/default/s")
        assert stored.startswith(b"k8s:enc:kms:v2:p:")
        async with cluster.serving(rule("secrets", kms(plugin))) as server:
            found = (await server.get(f"{SECRETS}/s")).body
            assert found["data"] == made["data"]
            assert (await server.ask("GET", "/readyz/kms-providers")).status == 200
            plugin.key_id = "key-2"
            assert server.encryption is not None
            await server.encryption._providers.plugins[0].probe()
            await rewritten(server, found)
        assert b"key-2" in await cluster.stored("secrets/default/s")


async def test_a_plugin_that_comes_late_heals_what_could_not_be_read(
    cluster: Cluster, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path / "kms.sock")
    async with plugin.serving(), cluster.serving(rule("secrets", kms(plugin))) as server:
        await created(server, SECRETS, secret("s"))
    async with cluster.serving(rule("secrets", kms(plugin))) as server:
        assert (await server.get(f"{SECRETS}/s")).status == 500
        assert (await server.ask("POST", SECRETS, secret("t"))).status == 500
        assert (await server.get(MAPS)).status == 200
        health = await server.ask("GET", "/readyz/kms-providers")
        assert (health.status, b"kms-provider-0" in health.body) == (500, True)
        async with plugin.serving():
            assert server.encryption is not None
            (provider,) = server.encryption._providers.plugins

            async def is_readable() -> bool:
                await provider.probe()
                return (await server.get(f"{SECRETS}/s")).status == 200

            await eventually(is_readable)
            await created(server, SECRETS, secret("t"))


async def test_a_plugin_that_is_not_healthy_replaces_nothing(
    cluster: Cluster, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path / "kms.sock")
    async with cluster.serving(rule("secrets", keys("aesgcm", "k1"))) as server:
        cluster.configure(rule("secrets", kms(plugin)))
        assert server.encryption is not None
        server.encryption.reload()
        await asyncio.wait(server.encryption._switches)
        await created(server, SECRETS, secret("s"))
    assert (await cluster.stored("secrets/default/s")).startswith(b"k8s:enc:aesgcm:v1:k1:")
