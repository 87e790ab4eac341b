"""Rules for fields of many kinds: counts and immutable values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.machinery.equality import deep_equal
from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.parts.numbers import validate_nonnegative

MORE_THAN_REPLICAS: Final = "cannot be greater than status.replicas"
MORE_THAN_READY: Final = "cannot be greater than readyReplicas"
_IMMUTABLE: Final = "field is immutable"


def validate_same(value: Any, old: Any, path: str, shown: Any = None) -> list[FieldError]:
    """Reject a change of a value; ``shown``: the form that the message quotes, if different."""
    if deep_equal(value, old):
        return []
    return [invalid(path, value if shown is None else shown, _IMMUTABLE)]


def validate_counts(part: Object, members: Sequence[str], path: str) -> list[FieldError]:
    """Reject negative numbers; missing fields are skipped."""
    errors: list[FieldError] = []
    for name in members:
        value = part.get(name, 0)
        if value < 0:
            errors += validate_nonnegative(value, f"{path}.{name}")
    return errors


def validate_at_most(
    status: Object,
    members: Sequence[str],
    limit: str = "replicas",
    detail: str = MORE_THAN_REPLICAS,
) -> list[FieldError]:
    """Reject counts above the total."""
    highest = status.get(limit, 0)
    return [
        invalid(f"status.{name}", status.get(name, 0), detail)
        for name in members
        if status.get(name, 0) > highest
    ]


def validate_collisions(status: Object, old: Object) -> list[FieldError]:
    """Reject a decreased collisionCount, because names are generated from it."""
    before, count = old.get("collisionCount"), status.get("collisionCount")
    if before is None or (count is not None and count >= before):
        return []
    return [invalid("status.collisionCount", count or 0, "cannot be decremented")]
