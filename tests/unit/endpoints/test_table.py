"""Tables: columns, rows and how much of each object they carry."""

from __future__ import annotations

import pytest

from apiserver.endpoints import table
from apiserver.endpoints.table import TableFormat
from apiserver.machinery.errors import BadRequest
from apiserver.registry.stored import Stored
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.kinds import builtin_kind
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.printing import AGE, DEFAULT, NAME, Column, Printer, aged, human_duration

CREATED = "2026-01-01T00:00:00Z"
OBJECT = {
    "kind": "ConfigMap",
    "apiVersion": "v1",
    "metadata": {"name": "a", "creationTimestamp": CREATED},
    "data": {"k": "v"},
}
PRINTER = aged((Column("Data", "what it holds", type="integer"),), lambda d: [len(d["data"])])
STORED = Stored.preview("/a", OBJECT, 7)
PARTIAL = {
    "kind": "PartialObjectMetadata",
    "apiVersion": "meta.k8s.io/v1",
    "metadata": OBJECT["metadata"],
}


@pytest.mark.parametrize(
    ("parameter", "shown"),
    [("", PARTIAL), ("Metadata", PARTIAL), ("Object", OBJECT), ("None", None)],
)
def test_a_row_carries_as_much_as_is_asked_for(parameter: str, shown: object) -> None:
    include = table.included(parameter)
    (row,) = TableFormat(PRINTER, include).table([STORED], {})["rows"]
    assert row["cells"][:2] == ["a", 1]
    assert row["object"] == shown


def test_a_table_and_its_rows_are_of_one_version() -> None:
    shown = TableFormat(PRINTER, version="v1beta1").table([STORED], {})
    assert shown["apiVersion"] == "meta.k8s.io/v1beta1"
    assert shown["rows"][0]["object"]["apiVersion"] == "meta.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("api_version", "kind", "name"),
    [
        ("apps/v1", "DaemonSet", "deprecated.daemonset.template.generation"),
        ("autoscaling/v1", "HorizontalPodAutoscaler", "autoscaling.alpha.kubernetes.io/metrics"),
    ],
)
def test_metadata_alone_lacks_annotations_that_only_a_version_has(
    api_version: str, kind: str, name: str
) -> None:
    head = {"apiVersion": api_version, "kind": kind}
    for kept in ({}, {"annotations": {"a": "b"}}):
        annotations = {**kept.get("annotations", {}), name: "1"}
        document = {**head, "metadata": {"name": "a", "annotations": annotations}}
        assert table.partial(document)["metadata"] == {"name": "a", **kept}
        other = {**document, "kind": "ConfigMap"}
        assert table.partial(other)["metadata"]["annotations"] == annotations


def test_nothing_else_can_be_asked_for() -> None:
    with pytest.raises(BadRequest, match='includeObject: Invalid value: "All"'):
        table.included("All")


def test_a_column_is_described_by_itself_or_by_the_documentation() -> None:
    name, data, age = TableFormat(PRINTER, "None").table([], {})["columnDefinitions"]
    assert data == {
        "name": "Data",
        "type": "integer",
        "format": "",
        "description": "what it holds",
        "priority": 0,
    }
    assert name["format"] == "name"
    assert name["description"].startswith("Name must be unique within a namespace.")
    assert age["description"].startswith("CreationTimestamp is a timestamp")


def test_later_tables_of_a_watch_have_no_columns() -> None:
    shown = TableFormat(PRINTER, "None").table([STORED], {}, columns=False)
    assert shown["columnDefinitions"] is None


def test_a_kind_without_a_printer_is_shown_by_name_and_creation() -> None:
    shown = TableFormat(include="None").table([STORED], {})
    assert [column["name"] for column in shown["columnDefinitions"]] == ["Name", "Created At"]
    assert shown["rows"] == [{"cells": ["a", CREATED], "object": None}]


def test_a_row_has_conditions_where_the_printer_knows_some() -> None:
    ended = [{"type": "Completed", "status": "True"}]
    printer = Printer((NAME,), lambda d, now: [d["metadata"]["name"]], lambda d: ended)
    (row,) = TableFormat(printer, "None").table([STORED], {})["rows"]
    assert row["conditions"] == ended


def test_rows_are_in_the_order_of_the_printer() -> None:
    printer = Printer((NAME,), lambda d, now: [d["metadata"]["name"]], order=lambda d: d["rank"])
    ranks = {"a": 3, "b": 1, "c": 2}
    items = [
        Stored.preview(f"/{name}", {"metadata": {"name": name}, "rank": rank}, 7)
        for name, rank in ranks.items()
    ]
    shown = TableFormat(printer, "None").table(items, {})
    assert [row["cells"] for row in shown["rows"]] == [["b"], ["c"], ["a"]]


@pytest.mark.parametrize("definition", builtin_definitions(), ids=lambda d: d.group_resource)
def test_every_column_is_described(definition: ResourceDefinition) -> None:
    printer = builtin_kind(definition).strategy.printer or DEFAULT
    for column in TableFormat(printer, "None").table([], {})["columnDefinitions"]:
        assert column["description"] or column["name"] == "Handler"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-2.5, "<invalid>"), (-1.5, "0s"), (0, "0s"), (119.9, "119s"), (120, "2m"), (125, "2m5s"),
        (600, "10m"), (10799, "179m"), (10800, "3h"), (11000, "3h3m"), (28800, "8h"),
        (172799, "47h"), (172800, "2d"), (180000, "2d2h"), (691200, "8d"), (63071999, "729d"),
        (63072000, "2y"), (64000000, "2y10d"), (252288000, "8y"),
    ],
)  # fmt: skip
def test_a_duration_has_its_two_largest_units(seconds: float, shown: str) -> None:
    assert human_duration(seconds) == shown


def test_an_age_is_unknown_without_a_beginning() -> None:
    printer = Printer((NAME, AGE), aged((), lambda d: []).cells)
    stored = Stored.preview("/a", {**OBJECT, "metadata": {"name": "a"}}, 7)
    (row,) = TableFormat(printer, "None").table([stored], {})["rows"]
    assert row["cells"] == ["a", "<unknown>"]


@pytest.mark.parametrize("definition", builtin_definitions(), ids=lambda d: d.group_resource)
def test_a_printer_shows_an_object_without_anything_in_it(definition: ResourceDefinition) -> None:
    # The bookmark that ends the initial events of a watch carries one.
    strategy = builtin_kind(definition).strategy
    empty = Stored.preview("", {**strategy.types.empty(), "metadata": {}}, 7)
    printer = strategy.printer or DEFAULT
    shown = TableFormat(printer, "None").table([empty], {})
    assert len(shown["rows"][0]["cells"]) >= len(shown["columnDefinitions"])
