"""The table of a custom kind: its name, and the ``additionalPrinterColumns`` of a version."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from apiserver.machinery import times
from apiserver.machinery.jsonpath import JSONPath, JSONPathError
from apiserver.machinery.jsonpathsyntax import JSONPathSyntaxError, parse_jsonpath
from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import go_value, json_escaped
from apiserver.resources.printing import AGE, NAME, UNKNOWN, Column, Printer, human_duration

_INVALID: Final = "<invalid>"
# The zero value of a time in Go: the first instant of the year 1.
_ZERO: Final = (-62_135_596_800, 0)
_MIN_INT64, _MAX_INT64 = -(1 << 63), (1 << 63) - 1
_CREATION: Final = ".metadata.creationTimestamp"
_AGE: Final = Column("Age", type="date", source=AGE.source)

#: The cell of a value in a column, at a time in seconds since 1970.
_Cell = Callable[[Any, float], Any]


def printer_of(columns: Sequence[Mapping[str, Any]]) -> Printer:
    """Return the printer of ``additionalPrinterColumns``; without any, the age is shown.

    A column whose path cannot be parsed ends the table, as in Kubernetes.
    """
    if not columns:
        return _printer([(_AGE, parse_jsonpath(_CREATION))])
    shown = []
    for column in columns:
        try:
            path = parse_jsonpath(column["jsonPath"])
        except JSONPathSyntaxError:
            break
        shown.append((_column(column), path))
    return _printer(shown)


def _column(column: Mapping[str, Any]) -> Column:
    source = f"Custom resource definition column (in JSONPath format): {column['jsonPath']}"
    return Column(
        column["name"],
        column.get("description") or source,
        column["type"],
        column.get("format", ""),
        column.get("priority", 0),
    )


def _printer(shown: Sequence[tuple[Column, JSONPath]]) -> Printer:
    columns = [column for column, _ in shown]
    cells = [partial(_cell, path, _CELLS.get(column.type, _nothing)) for column, path in shown]

    def row(document: Object, now: float) -> list[Any]:
        return [document["metadata"].get("name", ""), *(cell(document, now) for cell in cells)]

    return Printer((NAME, *columns), row)


def _cell(path: JSONPath, cell: _Cell, document: Object, now: float) -> Any:
    try:
        values = path.find(document)
    except JSONPathError:
        return None
    return cell(values[0], now) if values else None


def _text(value: Any, now: float) -> str:
    if isinstance(value, dict | list):
        return json_escaped(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())
    if value is None:
        return "<no value>"
    return value if isinstance(value, str) else go_value(value)


def _integer(value: Any, now: float) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Go has the least integer for a number that is out of range.
    return int(value) if _MIN_INT64 <= value <= _MAX_INT64 else _MIN_INT64


def _number(value: Any, now: float) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _boolean(value: Any, now: float) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(value: Any, now: float) -> str | None:
    if not isinstance(value, str):
        return None
    if not value or value == "null":
        return UNKNOWN
    try:
        moment = times.parse(value)
    except ValueError:
        return _INVALID
    return UNKNOWN if moment == _ZERO else human_duration(now - moment[0] - moment[1] / 1e9)


def _nothing(value: Any, now: float) -> None:
    return None


_CELLS: Final[Mapping[str, _Cell]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
