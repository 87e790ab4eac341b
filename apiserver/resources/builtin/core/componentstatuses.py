"""ComponentStatus."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.objects import Object
from apiserver.resources.printing import NAME, Column, Printer
from apiserver.resources.strategy import Strategy

COLUMNS: Final = (
    NAME,
    Column("Status", "Status of the component conditions"),
    Column("Message", "Message of the component conditions"),
    Column("Error", "Error of the component conditions"),
)
_HEALTH: Final = {"True": "Healthy", "False": "Unhealthy"}


def _cells(document: Object, now: float) -> list[Any]:
    status, message, error = "Unknown", "", ""
    for condition in document.get("conditions") or ():
        if condition.get("type") == "Healthy":
            status = _HEALTH.get(condition.get("status", ""), "Unknown")
            message, error = condition.get("message", ""), condition.get("error", "")
            break
    return [document["metadata"].get("name", ""), status, message, error]


class ComponentStatusStrategy(Strategy):
    """A ComponentStatus is only read."""

    deprecation = "v1 ComponentStatus is deprecated in v1.19+"
    printer = Printer(COLUMNS, _cells)


STRATEGY = ComponentStatusStrategy
