"""Event of the core group, and the rules that it shares with that of ``events.k8s.io``.

They are two versions of one kind, stored as this one. The rules apply to this version, and errors
about the other version use its field names too.
"""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, invalid, required
from apiserver.machinery.names import (
    dns1123_subdomain_problems,
    label_key_problems,
    path_segment_problems,
)
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.fields import paths
from apiserver.resources.printing import NAME, Column, Printer, age_of
from apiserver.resources.strategy import UNSUPPORTED, Strategy

REFERENCE: Final = (
    "kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath",
)  # fmt: skip
_SHORT, _LONG = 128, 1024
_MISMATCH: Final = "does not match event.namespace"
_EVENT: Final = "api.core.v1.Event"

COLUMNS: Final = (
    Column("Last Seen", source=f"{_EVENT}.lastTimestamp"),
    Column("Type", source=f"{_EVENT}.type"),
    Column("Reason", source=f"{_EVENT}.reason"),
    Column("Object", source=f"{_EVENT}.involvedObject"),
    Column("Subobject", priority=1, source="api.core.v1.ObjectReference.fieldPath"),
    Column("Source", priority=1, source=f"{_EVENT}.source"),
    Column("Message", source=f"{_EVENT}.message"),
    Column("First Seen", priority=1, source=f"{_EVENT}.firstTimestamp"),
    Column("Count", priority=1, source=f"{_EVENT}.count"),
    Column(NAME.name, format=NAME.format, priority=1, source=NAME.source),
)


def cells(event: Object, now: float) -> list[Any]:
    """Return the row of an event, whose shape is that of the core group."""
    moment, series = event.get("eventTime"), event.get("series")
    first = age_of(event.get("firstTimestamp") or moment, now)
    last = age_of(event["lastTimestamp"], now) if event.get("lastTimestamp") else first
    count = event.get("count") or 1
    if series:
        last, count = age_of(series.get("lastObservedTime"), now), series.get("count", 0)
    subject = event.get("involvedObject") or {}
    target = subject.get("kind", "").lower()
    return [
        last,
        event.get("type", ""),
        event.get("reason", ""),
        f"{target}/{subject['name']}" if subject.get("name") else target,
        subject.get("fieldPath", ""),
        _source(event),
        event.get("message", "").strip(),
        first,
        count,
        event["metadata"].get("name", ""),
    ]


def _source(event: Object) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent", "")
    instance = source.get("host") or event.get("reportingInstance", "")
    return f"{component}, {instance}" if instance else component


def _selected_source(event: Object) -> str:
    source = (event.get("source") or {}).get("component")
    return source or event.get("reportingComponent") or ""


_FIELDS: Final = {
    **paths(*(f"involvedObject.{name}" for name in REFERENCE)),
    **paths("reason", "reportingComponent", "type"),
    "source": _selected_source,
}


class EventStrategy(Strategy):
    """Events with an eventTime must name their reporter and action; old-style events need not."""

    fields = _FIELDS
    name_problems = staticmethod(path_segment_problems)
    metadata_checks_on_create = False
    metadata_checks = ()
    allow_create_on_update = True
    default_garbage_collection_policy = UNSUPPORTED
    printer = Printer(COLUMNS, cells)

    def validate(self, document: Object) -> list[FieldError]:
        return validate_event(document, "reportingComponent")


def validate_event(event: Object, reporter: str) -> list[FieldError]:
    """Validate an event; ``reporter`` is the field name of its controller."""
    namespace = event["metadata"].get("namespace", "")
    about = (event.get("involvedObject") or {}).get("namespace", "")
    if event.get("eventTime") is None:
        agrees = about == namespace if about else namespace in ("", "default")
        errors = [] if agrees else [invalid("involvedObject.namespace", about, _MISMATCH)]
    else:
        errors = _validate_report(event, reporter, namespace, about)
    problems = dns1123_subdomain_problems(namespace)
    return [*errors, *(invalid("namespace", namespace, problem) for problem in problems)]


def _validate_report(event: Object, reporter: str, namespace: str, about: str) -> list[FieldError]:
    errors = []
    if not about and namespace not in ("default", "kube-system"):
        errors.append(invalid("involvedObject.namespace", about, _MISMATCH))
    controller = event.get("reportingComponent", "")
    if not controller:
        errors.append(required(reporter))
    errors += [invalid(reporter, controller, problem) for problem in label_key_problems(controller)]
    for member in ("reportingInstance", "action", "reason"):
        text = event.get(member, "")
        if not text:
            errors.append(required(member))
        elif len(text.encode()) > _SHORT:
            errors.append(invalid(member, "", f"can have at most {_SHORT} characters"))
    if len(event.get("message", "").encode()) > _LONG:
        errors.append(invalid("message", "", f"can have at most {_LONG} characters"))
    return errors


STRATEGY = EventStrategy
