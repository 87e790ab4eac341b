"""Schema: the properties of a type that merging, ownership, pruning and validation need.

Schemas are nodes of a graph, since a type may contain itself. The graph of a kind is built once,
from any source, and immutable afterwards. The schemas of custom kinds are trees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


#: Stands for a missing default; ``None`` may be a default.
MISSING: Final[Any] = _Missing()


@dataclass(slots=True, frozen=True, eq=False)
class Assertions:
    """The value validations of a structural schema: what a value must satisfy besides its type.

    Numbers are those of JSON; ``None`` means that there is no such assertion. Lengths count
    characters, and ``pattern`` is a regular expression in RE2 syntax, searched anywhere in a
    string. ``closed`` forbids all members that are not specified (``additionalProperties: false``).
    The schemas in ``all_of``, ``any_of``, ``one_of`` and ``not_`` assert only; they specify no
    members.
    """

    enum: tuple[Any, ...] = ()
    minimum: float | None = None
    exclusive_minimum: bool = False
    maximum: float | None = None
    exclusive_maximum: bool = False
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str = ""
    min_items: int | None = None
    max_items: int | None = None
    unique_items: bool = False
    min_properties: int | None = None
    max_properties: int | None = None
    required: tuple[str, ...] = ()
    closed: bool = False
    all_of: tuple[Schema, ...] = ()
    any_of: tuple[Schema, ...] = ()
    one_of: tuple[Schema, ...] = ()
    not_: Schema | None = None


@dataclass(slots=True, eq=False, weakref_slot=True)
class Schema:
    """One node.

    ``type`` and ``format`` are those of OpenAPI; ``type`` is ``""`` if any value is allowed. An
    object has ``properties``, or ``values`` (the schema of every other member) if it is a map; an
    array has ``items``.

    ``list_type`` is ``atomic``, ``set`` or ``map`` (with keys in ``list_map_keys``), ``map_type``
    is ``granular`` or ``atomic``; an empty string means that none is declared, which is atomic for
    a list and granular for an object. ``patch_strategy`` (``merge``, ``replace``, ``retainKeys``)
    and ``patch_merge_key`` are those of strategic merge patch.

    ``assertions`` and ``rules`` are those of custom kinds: ``rules`` is the value of
    ``x-kubernetes-validations``, as it is.

    The last three say what a part of a value may have: a default, items that must be unique,
    alternatives that exclude each other. ``False``: no part has.
    """

    type: str = ""
    format: str = ""
    properties: dict[str, Schema] = field(default_factory=dict)
    values: Schema | None = None
    items: Schema | None = None
    list_type: str = ""
    list_map_keys: tuple[str, ...] = ()
    map_type: str = ""
    patch_strategy: tuple[str, ...] = ()
    patch_merge_key: str = ""
    default: Any = MISSING
    int_or_string: bool = False
    preserve_unknown_fields: bool = False
    embedded_resource: bool = False
    nullable: bool = False
    assertions: Assertions | None = None
    rules: tuple[dict[str, Any], ...] = ()
    may_have_defaults: bool = True
    may_have_unique_items: bool = True
    may_exclude: bool = True

    def member(self, name: str) -> Schema | None:
        """Return the schema of a member of an object, ``None`` if it is not specified."""
        return self.properties.get(name) or self.values


#: The schema of every member of an object with ``additionalProperties: true``: any value, whose own
#: members are not specified.
ANY_VALUE: Final = Schema(
    nullable=True, may_have_defaults=False, may_have_unique_items=False, may_exclude=False
)


def has_rules(schema: Schema) -> bool:
    """Return whether a schema of a custom kind, or any part of it, has rules."""
    parts = [*schema.properties.values(), schema.values, schema.items]
    return bool(schema.rules) or any(has_rules(part) for part in parts if part is not None)
