"""Schema: the properties of a type that merging, ownership, defaulting and pruning need.

Schemas are nodes of a graph, since a type may contain itself. The graph of a kind is built once,
from any source, and immutable afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


#: Stands for a missing default; ``None`` may be a default.
MISSING: Final[Any] = _Missing()


@dataclass(slots=True, eq=False, weakref_slot=True)
class Schema:
    """One node.

    ``type`` and ``format`` are those of OpenAPI; ``type`` is ``""`` if any value is allowed. An
    object has ``properties``, or ``values`` (the schema of every member) if it is a map; an array
    has ``items``.

    ``list_type`` is ``atomic``, ``set`` or ``map`` (with keys in ``list_map_keys``), ``map_type``
    is ``granular`` or ``atomic``; an empty string means that none is declared, which is atomic for
    a list and granular for an object. ``patch_strategy`` (``merge``, ``replace``, ``retainKeys``)
    and ``patch_merge_key`` are those of strategic merge patch.
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

    def member(self, name: str) -> Schema | None:
        """Return the schema of a member of an object, ``None`` if it is not specified."""
        return self.properties.get(name) or self.values
