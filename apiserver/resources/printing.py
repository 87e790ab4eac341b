"""The tables of ``kubectl get``: the columns of a kind and the cells of an object.

The server sends all columns; the client hides those with a ``priority`` above 0. Times are shown as
ages, in at most the two largest units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.machinery.valueclasses import valueclass

NONE: Final = "<none>"
UNSET: Final = "<unset>"
UNKNOWN: Final = "<unknown>"


@valueclass
class Column:
    """One column. With a ``priority`` above 0 it is shown only by ``-o wide``.

    Many columns show one field and use its description from the API documentation. Such a column
    has a ``source`` instead of a description: ``api.core.v1.ServiceSpec.type``.
    """

    name: str
    description: str = ""
    type: str = "string"
    format: str = ""
    priority: int = 0
    source: str = ""


@valueclass
class Printer:
    """The columns of a kind and the functions that fill a row.

    ``cells`` takes the object and the current time in seconds since 1970, and returns one JSON
    value for each column. ``conditions`` returns the conditions of the row (of a Pod that ended).
    ``order`` returns what the rows of a list are sorted by; ``None``: they stay as they are listed.
    """

    columns: Sequence[Column]
    cells: Callable[[Object, float], list[Any]]
    conditions: Callable[[Object], list[dict[str, Any]]] | None = None
    order: Callable[[Object], Any] | None = None


_OBJECT_META: Final = "apimachinery.pkg.apis.meta.v1.ObjectMeta"

NAME: Final = Column("Name", format="name", source=f"{_OBJECT_META}.name")
AGE: Final = Column("Age", source=f"{_OBJECT_META}.creationTimestamp")
CREATED_AT: Final = Column("Created At", type="date", source=f"{_OBJECT_META}.creationTimestamp")


def created_at(document: Object, now: float) -> list[Any]:
    """Return the cells of a kind that is shown by name and creation time."""
    metadata = document["metadata"]
    created = metadata.get("creationTimestamp") or "0001-01-01T00:00:00Z"
    return [metadata.get("name", ""), created]


#: The printer of a kind without its own printer.
DEFAULT: Final = Printer((NAME, CREATED_AT), created_at)


def aged(columns: Sequence[Column], cells: Callable[[Object], list[Any]]) -> Printer:
    """Return the printer that shows ``cells`` between the name and the age of an object."""

    def row(document: Object, now: float) -> list[Any]:
        metadata = document["metadata"]
        age = age_of(metadata.get("creationTimestamp"), now)
        return [metadata.get("name", ""), *cells(document), age]

    return Printer((NAME, *columns, AGE), row)


#: The printer of a kind that is shown only by name and age.
NAME_AND_AGE: Final = aged((), lambda document: [])


def age_of(moment: str | None, now: float) -> str:
    """Return the age of a timestamp: ``3d4h``."""
    if not moment:
        return UNKNOWN
    return human_duration(now - datetime.fromisoformat(moment).timestamp())


def human_duration(seconds: float) -> str:
    """Return a duration in kubectl's format: the shorter it is, the finer the unit."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 120:
        return f"{max(whole, 0)}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 365 * 2:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}" + (f"{small}{small_unit}" if small else "")
