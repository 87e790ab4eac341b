"""Conversion of Event between ``events.k8s.io/v1`` and ``v1``, the stored version.

Fields that both versions have are copied unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiserver.machinery.objects import Object

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


def to_core(event: Object) -> Object:
    """Return an event of events.k8s.io as one of the core group."""
    members = {_EVENT_MEMBERS.get(key, key): value for key, value in event.items()}
    return {**_CORE_EVENT_ALWAYS, **members, "apiVersion": "v1"}


def to_events(event: Object) -> Object:
    """Return an event of the core group as one of events.k8s.io."""
    members = {_EVENT_MEMBERS_BACK.get(key, key): value for key, value in event.items()}
    for key in _EMPTY_IN_EVENT:
        if not members.get(key):
            members.pop(key, None)
    return {**_EVENT_ALWAYS, **members, "apiVersion": "events.k8s.io/v1"}
