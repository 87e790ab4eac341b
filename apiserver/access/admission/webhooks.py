"""The active webhooks, kept in step with the stored configurations by a reflector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from apiserver.access.admission.admission_review import VERSIONS
from apiserver.access.admission.matching import Candidates, Match, MatchIndex, ResourceVersions
from apiserver.client.webhook import WebhookClientConfig
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.objects import Object, name_of

if TYPE_CHECKING:
    from apiserver.cel.matchconditions import MatchConditions

_NO_EFFECTS = ("None", "NoneOnDryRun")


@dataclass(frozen=True)
class Webhook:
    """One webhook of a configuration.

    ``fails`` is whether requests fail with the webhook, ``timeout`` how long it is waited for, in
    seconds, ``review_version`` the version of the reviews that it gets, ``""`` if it knows none
    that the server knows. ``index`` is its position among all.
    """

    configuration: str
    name: str
    client: WebhookClientConfig
    match: Match
    fails: bool
    timeout: int
    supports_dry_run: bool
    review_version: str
    reinvocable: bool
    conditions: tuple[Mapping[str, Any], ...]
    index: int = 0

    @classmethod
    def of(cls, configuration: str, document: Mapping[str, Any]) -> Webhook:
        """Return a webhook of a stored configuration. Raises KeyError, TypeError or ValueError."""
        versions = document.get("admissionReviewVersions") or ()
        return cls(
            configuration=configuration,
            name=document["name"],
            client=WebhookClientConfig.of(document["clientConfig"]),
            match=Match.of_webhook(document),
            fails=document.get("failurePolicy") != "Ignore",
            timeout=document.get("timeoutSeconds") or 10,
            supports_dry_run=document.get("sideEffects") in _NO_EFFECTS,
            review_version=next((each for each in versions if each in VERSIONS), ""),
            reinvocable=document.get("reinvocationPolicy") == "IfNeeded",
            conditions=tuple(document.get("matchConditions") or ()),
        )

    @property
    def key(self) -> tuple[str, str]:
        """The identity of the webhook across changes of its configuration."""
        return self.configuration, self.name

    @cached_property
    def match_conditions(self) -> MatchConditions:
        """The match conditions, compiled; the language is loaded for the first of them."""
        from apiserver.cel.matchconditions import MatchConditions

        return MatchConditions(self.conditions)

    @property
    def is_compiled(self) -> bool:
        """Whether the match conditions have been compiled."""
        return "match_conditions" in self.__dict__


class WebhookConfigurations:
    """The mutating or the validating webhooks, ordered by the names of their configurations."""

    def __init__(self, versions: ResourceVersions) -> None:
        self._configurations: dict[str, tuple[Webhook, ...]] = {}
        self._index: MatchIndex[Webhook] = MatchIndex(versions)
        self._changed = False

    def put(self, document: Object) -> None:
        """Add a configuration, or replace it. Raises KeyError, TypeError or ValueError."""
        name = name_of(document)
        hooks = tuple(Webhook.of(name, hook) for hook in document.get("webhooks") or ())
        self._configurations[name] = hooks
        self._changed = True

    def remove(self, name: str) -> None:
        """Remove a configuration; it may be unknown."""
        if self._configurations.pop(name, None) is not None:
            self._changed = True

    def flush(self) -> None:
        """Apply the changes since the last call."""
        if not self._changed:
            return
        self._changed = False
        ordered = [hook for _, hooks in sorted(self._configurations.items()) for hook in hooks]
        self._index.replace([replace(hook, index=index) for index, hook in enumerate(ordered)])

    def on_change(self, listener: Callable[[], None]) -> None:
        """Register a function to be called after every change."""
        self._index.on_change(listener)

    def forget(self) -> None:
        """Clear the cache, because the served versions may have changed."""
        self._index.forget()

    def candidates(
        self, operation: str, resource: GroupVersionResource, subresource: str
    ) -> Candidates[Webhook]:
        """Return the webhooks that may apply to writes of a kind, in order."""
        return self._index.candidates(operation, resource, subresource)
