"""Event of ``events.k8s.io``: stored as that of the core group, and held to more rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.objects import Object
from apiserver.resources import objectmeta
from apiserver.resources.builtin.core import events as core
from apiserver.resources.builtin.events.versions import to_core
from apiserver.resources.builtin.fields import paths
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import Printer
from apiserver.resources.strategy import UNSUPPORTED, Strategy
from apiserver.schema.internalform import internal_form
from apiserver.schema.kindtypes import Types

_REPORTER: Final = "reportingController"
_TYPES: Final = ("Normal", "Warning")
_UNSET: Final = "needs to be unset"
_LEGACY: Final = ("firstTimestamp", "lastTimestamp", "count", "source")
# The immutable fields in the order of their errors; Kubernetes checks the reason twice.
_IMMUTABLE: Final = (
    "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count",
    "reason", "type", "eventTime", "action", "related", "reportingComponent", "reportingInstance",
)  # fmt: skip
# The types of the structs among them, and the empty values of the scalars.
_STRUCTS: Final = {
    "involvedObject": "core.v1.ObjectReference",
    "related": "core.v1.ObjectReference",
    "source": "core.v1.EventSource",
}
_ZEROS: Final[Mapping[str, Any]] = {
    "reason": "", "message": "", "count": 0, "type": "", "action": "", "reportingComponent": "",
    "reportingInstance": "",
}  # fmt: skip


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
        errors = core.validate_event(event, _REPORTER)
        errors += objectmeta.validate_whole(document, self)
        errors += _validate_series(event)
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
        errors += objectmeta.validate_change(document, old, self)
        if event.get("series") != before.get("series"):
            errors += _validate_series(event)
        return errors + [
            _immutable(member, event.get(member))
            for member in _IMMUTABLE
            if (event.get(member) or None) != (before.get(member) or None)
        ]


def _immutable(member: str, value: Any) -> FieldError:
    if member in _STRUCTS:
        shown = internal_form(_STRUCTS[member], value)
    else:
        shown = value or _ZEROS.get(member)
    path = _REPORTER if member == "reportingComponent" else member
    return invalid(path, shown, "field is immutable")


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
