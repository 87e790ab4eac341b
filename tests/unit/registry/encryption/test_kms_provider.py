"""KMS v2: one call for many values, changes of the key, and plugins that fail or hang."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from apiserver.registry.encryption import kms_provider
from apiserver.registry.encryption.key_ciphers import AESGCMCipher, DecryptError
from apiserver.registry.encryption.kms_provider import KMSProvider
from apiserver.registry.encryption.kms_service import EncryptedObject, KMSService
from apiserver.registry.encryption.providers import EncryptError
from tests.unit.registry.encryption.plugin import Plugin
from tests.waiting import PATIENCE, eventually

KEY = b"/registry/secrets/default/x"


@pytest.fixture
async def plugin(tmp_path: Path) -> AsyncIterator[Plugin]:
    plugin = Plugin(tmp_path / "kms.sock")
    async with plugin.serving():
        yield plugin


class Server:
    """What a server has of one plugin."""

    def __init__(self, plugin: Plugin) -> None:
        self.changes = 0
        self.service = KMSService(plugin.endpoint, PATIENCE)
        self.provider = KMSProvider("p", self.service, self.change)

    def change(self) -> None:
        self.changes += 1

    @contextmanager
    def timing_out(self) -> Iterator[None]:
        """Wait for a moment only, while the block runs, for a plugin that does not answer."""
        self.service._timeout = 0.05
        yield
        self.service._timeout = PATIENCE

    async def __aenter__(self) -> Server:
        await self.provider.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.provider.stop()


async def test_one_call_encrypts_the_seed_of_all_values(plugin: Plugin) -> None:
    async with Server(plugin) as one, Server(plugin) as other:
        stored = [await one.provider.encrypt(b"value", KEY) for _ in range(3)]
        assert all(data.startswith(b"k8s:enc:kms:v2:p:") for data in stored)
        assert plugin.calls == ["Status", "Encrypt"] * 2
        for data in stored:
            assert await one.provider.decrypt(data, KEY) == (b"value", False)
            assert await other.provider.decrypt(data, KEY) == (b"value", False)
        assert plugin.calls.count("Decrypt") == 1
        with pytest.raises(DecryptError, match="cipher: message authentication failed"):
            await one.provider.decrypt(stored[0], KEY + b"y")


async def test_values_of_a_former_key_are_stale(plugin: Plugin) -> None:
    async with Server(plugin) as server:
        data = await server.provider.encrypt(b"value", KEY)
        assert server.changes == 1
        plugin.key_id = "key-2"
        await server.provider.probe()
        assert server.changes == 2
        assert await server.provider.decrypt(data, KEY) == (b"value", True)
        anew = await server.provider.encrypt(b"value", KEY)
        assert EncryptedObject.FromString(anew[17:]).keyID == "key-2"
        await server.provider.probe()
        assert server.changes == 2


async def test_keys_of_former_versions_are_read(plugin: Plugin) -> None:
    secret = bytes(range(32))
    async with Server(plugin) as server:
        envelope = EncryptedObject(
            encryptedData=AESGCMCipher(secret).encrypt(b"value", KEY),
            keyID="key-1",
            encryptedDEKSource=b"key-1|" + secret[::-1],
            annotations=[{"key": "a.example.com", "value": b"1"}],
        )
        data = server.provider.prefix + envelope.SerializeToString()
        assert await server.provider.decrypt(data, KEY) == (b"value", True)


async def test_without_a_plugin_reads_fail_and_are_repeated_later(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path / "kms.sock")
    server = Server(plugin)
    with server.timing_out():
        await server.provider.start()
    try:
        assert "rpc error: code = Unavailable" in server.provider.failure
        with pytest.raises(EncryptError, match="got unexpected nil transformer"):
            await server.provider.encrypt(b"value", KEY)
        async with plugin.serving():

            async def is_healthy() -> bool:
                await server.provider.probe()
                return not server.provider.failure

            await eventually(is_healthy)
            assert server.changes == 1
            assert await server.provider.encrypt(b"value", KEY)
    finally:
        await server.provider.stop()


async def test_a_plugin_that_hangs_costs_one_timeout(plugin: Plugin) -> None:
    async with Server(plugin) as one, Server(plugin) as other:
        stored = []
        for number in range(20):
            plugin.key_id = f"key-{number}"
            await one.provider.probe()
            stored.append(await one.provider.encrypt(b"value", KEY))
        plugin.answers.clear()
        with other.timing_out():
            for data in stored[:-1]:
                with pytest.raises(DecryptError, match="failed to decrypt DEK, error: rpc error"):
                    await other.provider.decrypt(data, KEY)
        assert plugin.calls.count("Decrypt") <= 1
        plugin.answers.set()
        before = other.changes
        await other.provider.probe()
        assert other.changes == before + 1
        assert await other.provider.decrypt(stored[0], KEY) == (b"value", True)


async def test_what_the_plugin_never_decrypts_changes_nothing(plugin: Plugin) -> None:
    async with Server(plugin) as one, Server(plugin) as other:
        stored = await one.provider.encrypt(b"value", KEY)
        envelope = EncryptedObject.FromString(stored.removeprefix(one.provider.prefix))
        envelope.encryptedDEKSource = b"lost"
        lost = one.provider.prefix + envelope.SerializeToString()
        with pytest.raises(DecryptError, match="failed to decrypt DEK"):
            await other.provider.decrypt(lost, KEY)
        before, plugin.calls[:] = other.changes, []
        for _ in range(3):
            await other.provider.probe()
        assert other.changes == before
        assert plugin.calls == ["Status", "Decrypt"] * 3


async def test_a_plugin_that_fails_ends_writes_after_a_while(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kms_provider, "WRITE_SECONDS", -1.0)
    async with Server(plugin) as server:
        with pytest.raises(EncryptError, match="has expired"):
            await server.provider.encrypt(b"value", KEY)


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        ({"healthz": "broken"}, "got unexpected healthz status: broken"),
        ({"key_id": ""}, "got invalid KMSv2 KeyID: failed to validate key id: keyID is empty"),
        ({"key_id": "k" * 1025}, "which exceeds the max size of 1024"),
        (
            {"refuses": {"Encrypt": grpc.StatusCode.PERMISSION_DENIED}},
            "failed to rotate DEK: rpc error: code = PermissionDenied desc = refused",
        ),
        (
            {"refuses": {"Status": grpc.StatusCode.INTERNAL}},
            "failed to perform status section of the healthz check: rpc error: code = Internal",
        ),
    ],
)
async def test_plugins_that_are_not_healthy(
    plugin: Plugin, change: dict[str, object], failure: str
) -> None:
    for name, value in change.items():
        setattr(plugin, name, value)
    async with Server(plugin) as server:
        assert failure in server.provider.failure


@pytest.mark.parametrize(
    ("envelope", "message"),
    [
        ({}, "encrypted data is empty"),
        ({"encryptedData": b"x"}, "encrypted DEK source is empty"),
        ({"encryptedData": b"x", "encryptedDEKSource": b"x" * 1025}, "exceeds the max size"),
        ({"encryptedData": b"x", "encryptedDEKSource": b"x"}, "keyID is empty"),
        ({"encryptedDEKSourceType": 7}, "unknown encryptedDEKSourceType: 7"),
    ],
)
async def test_envelopes_that_lie(
    plugin: Plugin, envelope: dict[str, object], message: str
) -> None:
    async with Server(plugin) as server:
        data = server.provider.prefix + EncryptedObject(**envelope).SerializeToString()
        with pytest.raises(DecryptError, match=message):
            await server.provider.decrypt(data, KEY)
        with pytest.raises(DecryptError, match="proto: "):
            await server.provider.decrypt(server.provider.prefix + b"\xff\xff", KEY)
