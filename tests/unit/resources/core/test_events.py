"""Events, in both groups."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from apiserver.resources.strategy import UNSUPPORTED
from tests.unit.resources.writing import Kind, merged

OLD = Kind("v1", "Event")
NEW = Kind("events.k8s.io/v1", "Event")
TIME = "2026-01-01T00:00:00.000001Z"
MISMATCH = "does not match event.namespace"
UNSET = "needs to be unset"
OLD_EVENT = {
    "metadata": {"name": "a", "namespace": "default"},
    "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
    "reason": "Started",
    "message": "it started",
    "type": "Normal",
}
NEW_EVENT = {
    "metadata": {"name": "a", "namespace": "default"},
    "regarding": {"kind": "Pod", "name": "p", "namespace": "default"},
    "reason": "Started",
    "note": "it started",
    "type": "Normal",
    "action": "Start",
    "reportingController": "example.com/c",
    "reportingInstance": "c-1",
    "eventTime": TIME,
}

OLD_MISTAKES = [
    (
        {"involvedObject": {"namespace": "other"}},
        [f'involvedObject.namespace: Invalid value: "other": {MISMATCH}'],
    ),
    ({"involvedObject": {"namespace": None}}, []),
    (
        {"eventTime": TIME, "reportingComponent": "c"},
        ["reportingInstance: Required value", "action: Required value"],
    ),
    (
        {
            "eventTime": TIME,
            "reportingComponent": "c",
            "reportingInstance": "i" * 129,
            "action": "a",
            "message": "m" * 1025,
        },
        [
            'reportingInstance: Invalid value: "": can have at most 128 characters',
            'message: Invalid value: "": can have at most 1024 characters',
        ],
    ),
]
NEW_MISTAKES = [
    ({}, []),
    ({"eventTime": None}, ["eventTime: Required value"]),
    ({"type": "Odd"}, ['type: Invalid value: "": has invalid value: Odd']),
    (
        {"reportingController": None, "action": None},
        [
            "reportingController: Required value",
            'reportingController: Invalid value: "": name part must be non-empty',
            'reportingController: Invalid value: "": name part must consist of alphanumeric '
            "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            "action: Required value",
        ],
    ),
    (
        {"deprecatedCount": 1, "deprecatedSource": {"component": "x"}},
        [f'count: Invalid value: "": {UNSET}', f'source: Invalid value: "": {UNSET}'],
    ),
    (
        {"series": {"count": 1, "lastObservedTime": None}},
        [
            'series.count: Invalid value: "": should be at least 2',
            "series.lastObservedTime: Required value",
        ],
    ),
]
CHANGES = [
    ({"series": {"count": 2, "lastObservedTime": TIME}}, []),
    ({"note": "else"}, ['message: Invalid value: "else": field is immutable']),
    ({"type": "Warning"}, ['type: Invalid value: "Warning": field is immutable']),
    ({"reason": "Odd"}, 2 * ['reason: Invalid value: "Odd": field is immutable']),
]


@pytest.mark.parametrize(("changes", "errors"), OLD_MISTAKES)
def test_an_event_of_the_old_sort_may_say_little(changes: Object, errors: list[str]) -> None:
    assert OLD.create(merged(OLD_EVENT, **changes)).errors == errors


@pytest.mark.parametrize(("changes", "errors"), NEW_MISTAKES)
def test_an_event_of_the_new_sort_says_it_all(changes: Object, errors: list[str]) -> None:
    assert NEW.create(merged(NEW_EVENT, **changes)).errors == errors


@pytest.mark.parametrize(("changes", "errors"), CHANGES)
def test_only_the_series_changes(changes: Object, errors: list[str]) -> None:
    made = NEW.create(NEW_EVENT)
    assert NEW.update(made, merged(NEW_EVENT, **changes)).errors == errors


def test_both_groups_show_the_same_row() -> None:
    old = merged(
        OLD_EVENT,
        source={"component": "c", "host": "n"},
        firstTimestamp="1970-01-01T00:00:00Z",
        lastTimestamp="1970-01-01T00:01:00Z",
        count=2,
        message=" it started\n",
    )
    row = ["60s", "Normal", "Started", "pod/p", "", "c, n", "it started", "2m", 2, "a"]
    assert OLD.cells(OLD.create(old), 120) == row
    renamed = {
        "involvedObject": "regarding",
        "message": "note",
        "source": "deprecatedSource",
        "firstTimestamp": "deprecatedFirstTimestamp",
        "lastTimestamp": "deprecatedLastTimestamp",
        "count": "deprecatedCount",
    }
    new = {renamed.get(name, name): value for name, value in old.items()}
    assert NEW.cells(NEW.create(new), 120) == row


def test_a_series_says_when_and_how_often() -> None:
    event = merged(
        OLD_EVENT,
        eventTime="1970-01-01T00:00:00.000000Z",
        series={"count": 5, "lastObservedTime": "1970-01-01T00:00:30.000000Z"},
    )
    cells = OLD.cells(OLD.create(event), 40)
    assert (cells[0], cells[7], cells[8]) == ("10s", "40s", 5)


@pytest.mark.parametrize(
    ("kind", "event", "field", "value"),
    [
        (OLD, OLD_EVENT, "involvedObject.name", "p"),
        (OLD, merged(OLD_EVENT, source={"component": "c"}), "source", "c"),
        (OLD, merged(OLD_EVENT, reportingComponent="r"), "source", "r"),
        (NEW, NEW_EVENT, "regarding.kind", "Pod"),
        (NEW, NEW_EVENT, "reportingController", "example.com/c"),
    ],
)
def test_events_are_selected_by_what_they_are_about(
    kind: Kind, event: Object, field: str, value: str
) -> None:
    assert kind.strategy.field(kind.create(event).object, field) == value


def test_events_know_no_garbage_and_are_created_by_updates() -> None:
    for kind in (OLD, NEW):
        assert kind.strategy.default_garbage_collection_policy == UNSUPPORTED
        assert kind.strategy.allow_create_on_update
