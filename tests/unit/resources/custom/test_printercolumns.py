"""The cells of printer columns: by their type, whatever an object has there."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.resources.custom.printercolumns import printer_of
from apiserver.resources.custom.selectablefields import selectable_fields

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def cell(type_: str, value: Any, path: str = ".spec.x") -> Any:
    printer = printer_of([{"name": "X", "type": type_, "jsonPath": path}])
    name, found = printer.cells({"metadata": {"name": "a"}, "spec": {"x": value}}, NOW)
    assert name == "a"
    return found


@pytest.mark.parametrize(
    ("type_", "value", "shown"),
    [
        ("string", "x", "x"),
        ("string", 5, "5"),
        ("string", 1e21, "1e+21"),
        ("string", True, "true"),
        ("string", None, "<no value>"),
        ("string", ["a", {"c": "<", "b": 1}], '["a",{"b":1,"c":"\\u003c"}]'),
        ("integer", 5, 5),
        ("integer", 5.9, 5),
        ("integer", 1e300, -(1 << 63)),
        ("integer", "5", None),
        ("integer", True, None),
        ("number", 1.5, 1.5),
        ("number", "1.5", None),
        ("boolean", False, False),
        ("boolean", "true", None),
        ("date", "2025-12-31T23:58:30Z", "90s"),
        ("date", "2026-01-01T01:00:00+01:00", "0s"),
        ("date", "2026-01-02T00:00:00Z", "<invalid>"),
        ("date", "2025-01-01", "<invalid>"),
        ("date", "0001-01-01T00:00:00Z", "<unknown>"),
        ("date", "", "<unknown>"),
        ("date", 5, None),
        ("other", "x", None),
    ],
)
def test_a_cell_has_the_type_of_its_column(type_: str, value: Any, shown: Any) -> None:
    assert cell(type_, value) == shown
    assert type(cell(type_, value)) is type(shown)


@pytest.mark.parametrize("path", [".spec.y", ".spec.x[5]", ".spec.x.y.z"])
def test_what_a_path_does_not_find_is_an_empty_cell(path: str) -> None:
    assert cell("string", ["a"], path) is None


def test_without_columns_the_age_is_shown() -> None:
    printer = printer_of(())
    assert [column.name for column in printer.columns] == ["Name", "Age"]
    metadata = {"name": "a", "creationTimestamp": "2025-12-31T00:00:00Z"}
    assert printer.cells({"metadata": metadata}, NOW) == ["a", "24h"]


def test_a_column_that_cannot_be_parsed_ends_the_table() -> None:
    columns = [
        {"name": name, "type": "string", "jsonPath": path}
        for name, path in (("A", ".a"), ("B", ".b["), ("C", ".c"))
    ]
    printer = printer_of(columns)
    assert [column.name for column in printer.columns] == ["Name", "A"]
    assert printer.columns[1].description.endswith("(in JSONPath format): .a")


@pytest.mark.parametrize(
    ("value", "text"), [("x", "x"), (5, "5"), (True, "true"), (None, "<nil>"), (..., "")]
)
def test_a_selectable_field_is_a_text(value: Any, text: str) -> None:
    fields = selectable_fields([{"jsonPath": ".spec.x"}])
    document = {"spec": {} if value is ... else {"x": value}}
    assert {name: read(document) for name, read in fields.items()} == {"spec.x": text}
