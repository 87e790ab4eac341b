"""Event of ``events.k8s.io``: stored as that of the core group, and held to more rules."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.core import events as core
from apiserver.resources.builtin.events.versions import to_core
from apiserver.resources.builtin.fields import paths
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import Printer
from apiserver.resources.strategy import UNSUPPORTED, Strategy
from apiserver.schema.kindtypes import Types

_REPORTER: Final = "reportingController"
_TYPES: Final = ("Normal", "Warning")
_UNSET: Final = "needs to be unset"
_LEGACY: Final = ("firstTimestamp", "lastTimestamp", "count", "source")
# The immutable fields, by their names in the core group and in error messages.
_IMMUTABLE: Final = {
    "involvedObject": "involvedObject",
    "reason": "reason",
    "message": "message",
    "source": "source",
    "firstTimestamp": "firstTimestamp",
    "lastTimestamp": "lastTimestamp",
    "count": "count",
    "type": "type",
    "eventTime": "eventTime",
    "action": "action",
    "related": "related",
    "reportingComponent": _REPORTER,
    "reportingInstance": "reportingInstance",
}


_FIELDS: Final = {
    **paths(*(f"regarding.{name}" for name in core.REFERENCE)),
    **paths("reason", "reportingController", "type"),
}


class EventStrategy(Strategy):
    """An event has a time, an action and a reporter; only its series may change later."""

    fields = _FIELDS
    metadata_checks_on_create = False
    metadata_checks = ()
    allow_create_on_update = True
    default_garbage_collection_policy = UNSUPPORTED

    def __init__(self, definition: ResourceDefinition, types: Types) -> None:
        super().__init__(definition, types)
        self.printer = Printer(core.COLUMNS, self._cells)

    def _cells(self, document: Object, now: float) -> list[Any]:
        return core.cells(to_core(document), now)

    def validate(self, document: Object) -> list[FieldError]:
        event = to_core(document)
        errors = core.validate_event(event, _REPORTER) + _validate_series(event)
        if event.get("eventTime") is None:
            errors.append(required("eventTime"))
        type_ = event.get("type", "")
        if type_ not in _TYPES:
            errors.append(invalid("type", "", f"has invalid value: {type_}"))
        errors += [invalid(member, "", _UNSET) for member in _LEGACY if event.get(member)]
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        event, before = to_core(document), to_core(old)
        errors = core.validate_event(event, _REPORTER)
        if event.get("series") != before.get("series"):
            errors += _validate_series(event)
        for member, path in _IMMUTABLE.items():
            value = event.get(member)
            if (value or None) != (before.get(member) or None):
                errors.append(invalid(path, value, "field is immutable"))
        return errors


def _validate_series(event: Object) -> list[FieldError]:
    series = event.get("series")
    if series is None:
        return []
    errors = []
    if series.get("count", 0) < 2:
        errors.append(invalid("series.count", "", "should be at least 2"))
    if series.get("lastObservedTime") is None:
        errors.append(required("series.lastObservedTime"))
    return errors


STRATEGY = EventStrategy
