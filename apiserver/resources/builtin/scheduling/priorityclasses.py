"""PriorityClass."""

from __future__ import annotations

from typing import Any, Final

from apiserver.machinery.fielderrors import FieldError, forbidden, invalid, not_supported, required
from apiserver.machinery.objects import Object
from apiserver.resources.printing import AGE, NAME, Column, Printer, age_of
from apiserver.resources.strategy import CHANGE, Strategy

PREEMPT_LOWER_PRIORITY: Final = "PreemptLowerPriority"
_POLICIES: Final = (PREEMPT_LOWER_PRIORITY, "Never")
HIGHEST_OF_USERS: Final = 1_000_000_000
SYSTEM_PREFIX: Final = "system-"
#: The system classes: their values and descriptions.
SYSTEM_CLASSES: Final = {
    "system-node-critical": (
        2 * HIGHEST_OF_USERS + 1000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    "system-cluster-critical": (
        2 * HIGHEST_OF_USERS,
        "Used for system critical pods that must run in the cluster, but can be moved to another "
        "node if necessary.",
    ),
}

_CLASS: Final = "api.scheduling.v1.PriorityClass"
COLUMNS: Final = (
    NAME,
    Column("Value", type="integer", source=f"{_CLASS}.value"),
    Column("Global-Default", type="boolean", source=f"{_CLASS}.globalDefault"),
    AGE,
    Column("PreemptionPolicy", source=f"{_CLASS}.preemptionPolicy"),
)


def system_priority_classes() -> list[Object]:
    """Return the classes that every cluster has."""
    return [
        {
            "kind": "PriorityClass",
            "apiVersion": "scheduling.k8s.io/v1",
            "metadata": {"name": name},
            "value": value,
            "description": description,
            "preemptionPolicy": PREEMPT_LOWER_PRIORITY,
        }
        for name, (value, description) in SYSTEM_CLASSES.items()
    ]


def _cells(document: Object, now: float) -> list[Any]:
    metadata = document["metadata"]
    return [
        metadata.get("name", ""),
        document.get("value", 0),
        document.get("globalDefault", False),
        age_of(metadata.get("creationTimestamp"), now),
        document.get("preemptionPolicy", PREEMPT_LOWER_PRIORITY),
    ]


class PriorityClassStrategy(Strategy):
    """A PriorityClass names a priority, which is immutable."""

    generation_of = ("value",)
    metadata_checks = (CHANGE,)
    printer = Printer(COLUMNS, _cells)

    def default(self, document: Object) -> None:
        document.setdefault("preemptionPolicy", PREEMPT_LOWER_PRIORITY)

    def deletion_refusal(self, name: str) -> str:
        if name in SYSTEM_CLASSES:
            return "this is a system priority class and cannot be deleted"
        return ""

    def validate(self, document: Object) -> list[FieldError]:
        name, value = document["metadata"].get("name", ""), document.get("value", 0)
        errors = []
        if name.startswith(SYSTEM_PREFIX):
            problem = _system_class_problem(document, name)
            if problem:
                detail = (
                    f"priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system "
                    f"use only. error: {problem}"
                )
                errors.append(forbidden("metadata.name", detail))
        elif value > HIGHEST_OF_USERS:
            detail = f"maximum allowed value of a user defined priority is {HIGHEST_OF_USERS}"
            errors.append(forbidden("value", detail))
        policy = document.get("preemptionPolicy")
        if policy == "":
            errors.append(required("preemptionPolicy"))
        elif policy is not None and policy not in _POLICIES:
            errors.append(not_supported("preemptionPolicy", policy, _POLICIES))
        return errors

    def validate_update(self, document: Object, old: Object) -> list[FieldError]:
        errors = []
        if document.get("value", 0) != old.get("value", 0):
            errors.append(forbidden("value", "may not be changed in an update."))
        policy = document.get("preemptionPolicy")
        if policy != old.get("preemptionPolicy"):
            errors.append(invalid("preemptionPolicy", policy, "field is immutable"))
        return errors


def _system_class_problem(document: Object, name: str) -> str:
    if name not in SYSTEM_CLASSES:
        return f"{name} is not a known system priority class"
    value, _ = SYSTEM_CLASSES[name]
    if document.get("value", 0) != value:
        return f"value of {name} PriorityClass must be {value}"
    if document.get("globalDefault"):
        return f"globalDefault of {name} PriorityClass must be false"
    return ""


STRATEGY = PriorityClassStrategy
