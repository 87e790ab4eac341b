"""Encryption: the transformer of a store, from an EncryptionConfiguration file.

The resource of a key decides: its own rule, that of its group (``*.GROUP``), or that of everything
(``*.*``). Keys without a resource, such as those of the allocators, are never encrypted.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from apiserver.access.configuration_files import ConfigurationError
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.instruments import COUNTER, GAUGE, Family, Labels
from apiserver.machinery.times import system_clock
from apiserver.registry.encryption.encryption_configuration import (
    KMS,
    Key,
    ProviderConfiguration,
    load_encryption_configuration,
    parse_group_resource,
)
from apiserver.registry.encryption.key_ciphers import (
    AESCBCCipher,
    AESGCMCipher,
    DecryptError,
    KeyCipher,
    SecretboxCipher,
)
from apiserver.registry.encryption.kms_provider import KMSProvider
from apiserver.registry.encryption.kms_service import KMSService
from apiserver.registry.encryption.providers import (
    EncryptError,
    IdentityProvider,
    KeyProvider,
    Provider,
    ResourceProviders,
    joined,
)
from apiserver.resources.definition import ResourceDefinition
from storage.errors import TransformError
from storage.transform import Stale, Unreadable

_METRICS: Final = "apiserver_encryption_config_controller_automatic"
_SUCCESS, _FAILURE = "success", "failure"
_ANY: Final = GroupResource("*", "*")
_NOT_ENCRYPTED: Final = IdentityProvider()

log = logging.getLogger(__name__)


class ProviderSet:
    """The providers of one configuration, by resource."""

    def __init__(self, data: bytes, changed: Callable[[], None]) -> None:
        """Read a configuration. Raises ConfigurationError."""
        self._changed = changed
        self.plugins: list[KMSProvider] = []
        rules: dict[GroupResource, list[Provider]] = {}
        for configuration in load_encryption_configuration(data):
            providers = [self._provider(each) for each in configuration.providers]
            for name in configuration.resources:
                rules.setdefault(parse_group_resource(name), []).extend(providers)
        self._rules = {name: ResourceProviders(providers) for name, providers in rules.items()}

    def of(self, resource: GroupResource) -> ResourceProviders | IdentityProvider:
        """Return the providers of a resource."""
        rules = self._rules
        return (
            rules.get(resource)
            or rules.get(GroupResource(resource.group, "*"))
            or rules.get(_ANY)
            or _NOT_ENCRYPTED
        )

    async def start(self) -> None:
        """Connect to the plugins, and ask each for its status once."""
        await asyncio.gather(*(plugin.start() for plugin in self.plugins))

    async def stop(self) -> None:
        """Disconnect from the plugins."""
        await asyncio.gather(*(plugin.stop() for plugin in self.plugins))

    def failure(self) -> str:
        """Return why plugins are not healthy, empty if they are."""
        return joined(
            [
                f"kms-provider-{index}: kmsv2 Provider {plugin.name} is not healthy, "
                f"error: {plugin.failure}"
                for index, plugin in enumerate(self.plugins)
                if plugin.failure
            ]
        )

    def _provider(self, configuration: ProviderConfiguration) -> Provider:
        if configuration.kms is not None:
            return self._plugin(configuration.kms)
        if configuration.aesgcm is not None:
            return _keys(b"k8s:enc:aesgcm:v1:", configuration.aesgcm, AESGCMCipher, "AES")
        if configuration.aescbc is not None:
            return _keys(b"k8s:enc:aescbc:v1:", configuration.aescbc, AESCBCCipher, "AES")
        if configuration.secretbox is not None:
            keys = configuration.secretbox
            return _keys(b"k8s:enc:secretbox:v1:", keys, SecretboxCipher, "Secretbox")
        return IdentityProvider()

    def _plugin(self, kms: KMS) -> KMSProvider:
        plugin = KMSProvider(kms.name, KMSService(kms.endpoint, kms.timeout), self._changed)
        self.plugins.append(plugin)
        return plugin


class Encryption:
    """`storage.transform.Transformer` of a server; ``root`` is the prefix of all keys."""

    def __init__(self, path: Path, root: str, definitions: Iterable[ResourceDefinition]) -> None:
        """Read the configuration at ``path``. Raises ConfigurationError and OSError."""
        self._path = path
        self._root = root + "/"
        self._resources = _by_prefix(definitions)
        self._providers = self._read()
        # The switches to configurations that were read again, one after the other.
        self._switches: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._reloads: dict[Labels, float] = {}
        self._reloaded_at: dict[Labels, float] = {}
        #: Called when values that were read before may be decrypted differently now.
        self.changed: Callable[[], None] = _nothing

    async def to_storage(self, key: str, value: bytes) -> bytes:
        try:
            return await self._of(key).encrypt(value, key.encode())
        except EncryptError as error:
            raise TransformError(key, str(error)) from error

    async def from_storage(self, key: str, data: bytes) -> bytes:
        try:
            value, stale = await self._of(key).decrypt(data, key.encode())
        except DecryptError as error:
            return Unreadable(data, str(error))
        return Stale(value) if stale else value

    def failure(self) -> str:
        """Return why KMS plugins are not healthy, empty if they are."""
        return self._providers.failure()

    def reload(self) -> None:
        """Read the file again. Raises ConfigurationError or OSError, keeping the old content.

        A configuration with KMS plugins takes effect when they are healthy.
        """
        try:
            providers = self._read()
        except (ConfigurationError, OSError):
            self._count(_FAILURE)
            raise
        switch = asyncio.create_task(self._switch(providers), name="encryption-reload")
        self._switches.add(switch)
        switch.add_done_callback(self._switches.discard)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep in touch with the KMS plugins while the block runs."""
        await self._providers.start()
        try:
            yield
        finally:
            for switch in self._switches:
                switch.cancel()
            if self._switches:
                await asyncio.wait(self._switches)
            await self._providers.stop()

    async def _switch(self, providers: ProviderSet) -> None:
        unused = providers
        try:
            async with self._turn:
                await providers.start()
                failure = providers.failure()
                if failure:
                    self._count(_FAILURE)
                    log.warning(
                        "the previous encryption configuration stays in effect: %s", failure
                    )
                    return
                unused, self._providers = self._providers, providers
                self._count(_SUCCESS)
                log.info("the encryption configuration has changed")
                self.changed()
        finally:
            await unused.stop()

    def families(self) -> Iterator[Family]:
        """Yield the metrics of reloads."""
        for name, description, values, kind in (
            ("reloads", "Reloads of the configuration.", self._reloads, COUNTER),
            ("reload_last_timestamp_seconds", "When that was last.", self._reloaded_at, GAUGE),
        ):
            yield Family(f"{_METRICS}_{name}", description, ("status",), dict(values), kind)

    def _count(self, status: str) -> None:
        label = (status,)
        self._reloads[label] = self._reloads.get(label, 0.0) + 1
        self._reloaded_at[label] = system_clock().time()

    def _read(self) -> ProviderSet:
        try:
            return ProviderSet(self._path.read_bytes(), lambda: self.changed())
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._path}: {error}") from error

    def _of(self, key: str) -> ResourceProviders | IdentityProvider:
        resource = self._resource(key)
        return _NOT_ENCRYPTED if resource is None else self._providers.of(resource)

    def _resource(self, key: str) -> GroupResource | None:
        first, _, rest = key.removeprefix(self._root).partition("/")
        second, separator, _ = rest.partition("/")
        known = self._resources.get(f"{first}/{second}") or self._resources.get(first)
        if known is None and separator and "." in first:
            # Custom resources are stored below their group.
            return GroupResource(first, second)
        return known


def _by_prefix(definitions: Iterable[ResourceDefinition]) -> Mapping[str, GroupResource]:
    found: dict[str, GroupResource] = {}
    # Events are in two groups; they are stored as those of the first, the core group.
    for definition in sorted(definitions, key=lambda each: each.group):
        if definition.storage_prefix:
            resource = GroupResource(definition.group, definition.resource)
            found.setdefault(definition.storage_prefix, resource)
    return found


def _keys(
    prefix: bytes, keys: Sequence[Key], cipher: Callable[[bytes], KeyCipher], family: str
) -> KeyProvider:
    ciphers = [(key.name, cipher(b64decode(key.secret))) for key in keys]
    return KeyProvider(prefix, ciphers, family)


def _nothing() -> None:
    """Do nothing, as long as nothing has been read."""
