"""Between the versions of one kind: what is served is not always what is stored.

Of the built-in kinds two are stored as another than they are served as: ``events.k8s.io/v1`` Event
as ``v1`` Event, and ``autoscaling/v1`` HorizontalPodAutoscaler as ``autoscaling/v2``. Members that
both versions have go over as they are; the others are moved by the functions here. What the older
autoscaler cannot say it carries in annotations, so that a round trip loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.autoscaling import versions

Convert = Callable[[Object], Object]


@dataclass(frozen=True, slots=True)
class Conversion:
    """The way of an object into the store and back."""

    to_stored: Convert
    to_served: Convert


# events.k8s.io/v1 -> v1; members that are not named here have the same name in both.
_EVENT_MEMBERS = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_EVENT_MEMBERS_BACK = {stored: served for served, stored in _EVENT_MEMBERS.items()}
# What the struct of v1 always shows, and that of events.k8s.io/v1 always shows.
_CORE_EVENT_ALWAYS: Mapping[str, Any] = {
    "involvedObject": {}, "source": {}, "firstTimestamp": None, "lastTimestamp": None,
    "eventTime": None, "reportingComponent": "", "reportingInstance": "",
}  # fmt: skip
_EVENT_ALWAYS: Mapping[str, Any] = {
    "eventTime": None, "regarding": {}, "deprecatedSource": {},
    "deprecatedFirstTimestamp": None, "deprecatedLastTimestamp": None,
}  # fmt: skip
_EMPTY_IN_EVENT = ("reportingController", "reportingInstance")


def _event_to_stored(event: Object) -> Object:
    members = {_EVENT_MEMBERS.get(key, key): value for key, value in event.items()}
    return {**_CORE_EVENT_ALWAYS, **members, "apiVersion": "v1"}


def _event_to_served(event: Object) -> Object:
    members = {_EVENT_MEMBERS_BACK.get(key, key): value for key, value in event.items()}
    for key in _EMPTY_IN_EVENT:
        if not members.get(key):
            members.pop(key, None)
    return {**_EVENT_ALWAYS, **members, "apiVersion": "events.k8s.io/v1"}


_CONVERSIONS: Mapping[tuple[GroupVersionKind, GroupVersionKind], Conversion] = {
    (
        GroupVersionKind("events.k8s.io", "v1", "Event"),
        GroupVersionKind("", "v1", "Event"),
    ): Conversion(_event_to_stored, _event_to_served),
    (
        GroupVersionKind("autoscaling", "v1", "HorizontalPodAutoscaler"),
        GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler"),
    ): Conversion(versions.to_v2, versions.to_v1),
}


def conversion(served: GroupVersionKind, stored: GroupVersionKind) -> Conversion | None:
    """Return the way between two versions of a kind; ``None`` where they are the same.

    Raises KeyError where there is no way.
    """
    return None if served == stored else _CONVERSIONS[served, stored]


def sources(stored: GroupVersionKind) -> list[GroupVersionKind]:
    """Return the versions of a kind that are stored as another one, ``stored``."""
    return [served for served, kept in _CONVERSIONS if kept == stored]
