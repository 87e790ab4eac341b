"""Keeps the active webhooks in step with the stored configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.access.admission.webhooks import WebhookConfigurations
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import NamespacedName
from apiserver.registry.reflector import Reflector, ReflectorTarget
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored

_GROUP: Final = "admissionregistration.k8s.io"
_MUTATING: Final = GroupVersionResource(_GROUP, "v1", "mutatingwebhookconfigurations")
_VALIDATING: Final = GroupVersionResource(_GROUP, "v1", "validatingwebhookconfigurations")


class _Configurations(ReflectorTarget):
    def __init__(self, configurations: WebhookConfigurations) -> None:
        self._configurations = configurations

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        self._configurations.put(stored.object)

    def remove(self, key: NamespacedName) -> None:
        self._configurations.remove(key[1])

    def flush(self) -> None:
        self._configurations.flush()


def webhook_reflectors(
    registry: Registry, mutating: WebhookConfigurations, validating: WebhookConfigurations
) -> Sequence[Reflector]:
    """Return the reflectors that keep mutating and validating webhooks in step."""
    return [
        Reflector(registry, _MUTATING, _Configurations(mutating)),
        Reflector(registry, _VALIDATING, _Configurations(validating)),
    ]
