"""The deletion conditions in a namespace's status. Pure.

Every condition reports a problem: it is False, with a positive reason, until the problem occurs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final

from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.valueclasses import valueclass

DISCOVERY_FAILURE: Final = "NamespaceDeletionDiscoveryFailure"
GROUP_VERSION_PARSING_FAILURE: Final = "NamespaceDeletionGroupVersionParsingFailure"
CONTENT_FAILURE: Final = "NamespaceDeletionContentFailure"
CONTENT_REMAINING: Final = "NamespaceContentRemaining"
FINALIZERS_REMAINING: Final = "NamespaceFinalizersRemaining"

# Reason and message of each condition while it is False, in the order of the status.
_WELL: Final[Mapping[str, tuple[str, str]]] = {
    DISCOVERY_FAILURE: ("ResourcesDiscovered", "All resources successfully discovered"),
    GROUP_VERSION_PARSING_FAILURE: (
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    CONTENT_FAILURE: (
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    CONTENT_REMAINING: ("ContentRemoved", "All content successfully removed"),
    FINALIZERS_REMAINING: (
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
}


@valueclass
class RemainingResource:
    """The remaining objects of one resource: their number, and the number per finalizer.

    ``resource_version`` is that of the list that found them.
    """

    resource: GroupVersionResource
    count: int
    finalizers: Mapping[str, int] = field(default_factory=dict)
    resource_version: str = ""


@valueclass
class RemainingContent:
    """The content that remains after a deletion attempt, and the errors of the attempt.

    ``seconds`` is the estimated time until it is gone; ``discovery_error`` says why the resources
    are unknown.
    """

    remaining: Sequence[RemainingResource] = ()
    failures: Sequence[str] = ()
    seconds: int = 0
    discovery_error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the attempt failed, so that more content may remain."""
        return bool(self.failures or self.discovery_error)

    @property
    def is_empty(self) -> bool:
        """Whether the namespace is known to be empty."""
        return not self.remaining and not self.failed


def failed_conditions(content: RemainingContent) -> dict[str, tuple[str, str]]:
    """Return reason and message of every condition that is True."""
    found: dict[str, tuple[str, str]] = {}
    if content.discovery_error:
        found[DISCOVERY_FAILURE] = ("DiscoveryFailed", content.discovery_error)
    if content.failures:
        count, texts = len(content.failures), ", ".join(sorted(content.failures))
        message = f"Failed to delete all resource types, {count} remaining: {texts}"
        found[CONTENT_FAILURE] = ("ContentDeletionFailed", message)
    if content.remaining:
        texts = ", ".join(sorted(map(_remaining_text, content.remaining)))
        message = f"Some resources are remaining: {texts}"
        found[CONTENT_REMAINING] = ("SomeResourcesRemain", message)
    finalizers: Counter[str] = Counter()
    for each in content.remaining:
        finalizers.update(each.finalizers)
    if finalizers:
        texts = ", ".join(
            sorted(f"{name} in {count} resource instances" for name, count in finalizers.items())
        )
        message = f"Some content in the namespace has finalizers remaining: {texts}"
        found[FINALIZERS_REMAINING] = ("SomeFinalizersRemain", message)
    return found


def update_conditions(
    before: Sequence[dict[str, Any]], content: RemainingContent, now: str
) -> list[dict[str, Any]]:
    """Return the conditions updated from ``content``; conditions of other types are kept."""
    conditions, failures = {each["type"]: each for each in before}, failed_conditions(content)
    for name, well in _WELL.items():
        status = "True" if name in failures else "False"
        reason, message = failures.get(name, well)
        known = conditions.get(name, {})
        same = known.get("status") == status
        conditions[name] = {
            "type": name,
            "status": status,
            "lastTransitionTime": known.get("lastTransitionTime", now) if same else now,
            "reason": reason,
            "message": message,
        }
    return list(conditions.values())


def _remaining_text(remaining: RemainingResource) -> str:
    resource = remaining.resource
    return f"{resource.resource}.{resource.group} has {remaining.count} resource instances"
