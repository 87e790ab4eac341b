"""Keeps the webhooks that are in force in step with the stored configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.access.admission.webhooks import WebhookConfigurations
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.registry.following import Follower, Sink
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored

_GROUP: Final = "admissionregistration.k8s.io"
_MUTATING: Final = GroupVersionResource(_GROUP, "v1", "mutatingwebhookconfigurations")
_VALIDATING: Final = GroupVersionResource(_GROUP, "v1", "validatingwebhookconfigurations")


class _Configurations(Sink):
    def __init__(self, configurations: WebhookConfigurations) -> None:
        self._configurations = configurations

    async def put(self, key: tuple[str, str], stored: Stored) -> None:
        self._configurations.put(stored.object)

    def remove(self, key: tuple[str, str]) -> None:
        self._configurations.remove(key[1])

    def settle(self) -> None:
        self._configurations.settle()


def webhook_followers(
    registry: Registry, mutating: WebhookConfigurations, validating: WebhookConfigurations
) -> Sequence[Follower]:
    """Return the followers that keep mutating and validating webhooks in step."""
    return [
        Follower(registry, _MUTATING, _Configurations(mutating)),
        Follower(registry, _VALIDATING, _Configurations(validating)),
    ]
