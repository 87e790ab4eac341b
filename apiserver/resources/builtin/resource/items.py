"""Rules about lists and maps of dynamic resource allocation: their size, items and uniqueness."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

from apiserver.machinery.fielderrors import FieldError, duplicate, too_many

Rule: TypeAlias = Callable[[Any, str], list[FieldError]]

_SHORTEST_KEY = 16


def validate_items(
    items: Sequence[Any] | None, most: int | None, rule: Rule, path: str
) -> list[FieldError]:
    """Reject too many items; otherwise validate each."""
    found = items or ()
    if most is not None and len(found) > most:
        return [too_many(path, len(found), most)]
    errors: list[FieldError] = []
    for index, item in enumerate(found):
        errors += rule(item, f"{path}[{index}]")
    return errors


def validate_distinct(
    items: Sequence[Any] | None,
    most: int | None,
    rule: Rule,
    path: str,
    key: Callable[[Any], Hashable] = lambda item: item,
) -> list[FieldError]:
    """Reject too many items, and items with a duplicate key."""
    found = items or ()
    errors = validate_items(found, most, rule, path)
    if most is not None and len(found) > most:
        return errors
    seen: set[Hashable] = set()
    for index, item in enumerate(found):
        one = key(item)
        if one in seen:
            errors.append(duplicate(f"{path}[{index}]", one))
        seen.add(one)
    return errors


def validate_entries(
    entries: Mapping[str, Any] | None,
    limits: tuple[int | None, int],
    rules: tuple[Rule, Rule],
    path: str,
) -> list[FieldError]:
    """Reject too many entries; otherwise validate each key and value.

    ``limits``: how many there may be, and how much of a key is shown. ``rules`` of a key, at the
    path of the map, and of a value.
    """  # fmt: skip
    found = entries or {}
    most, shown = limits
    if most is not None and len(found) > most:
        return [too_many(path, len(found), most)]
    of_key, of_value = rules
    errors: list[FieldError] = []
    for key, value in found.items():
        errors += of_key(key, path)
        errors += of_value(value, f"{path}[{_cut(key, shown)}]")
    return errors


def _cut(key: str, longest: int) -> str:
    limit = max(longest, _SHORTEST_KEY)
    if len(key) <= limit:
        return key
    kept = limit - len("...")
    return f"{key[: (kept + 1) // 2]}...{key[len(key) - kept // 2 :]}"
