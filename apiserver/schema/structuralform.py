"""Form: whether an object is as pruning and defaulting would leave it.

Nearly all stored objects are. The check takes a fraction of the time of the change, and such an
object can be sent in its stored encoding.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from apiserver.schema.structural import MISSING, Schema

_WHOLE: Final = frozenset(["apiVersion", "kind", "metadata"])
_PARTS: Final = (dict, list)


class Form:
    """The form of one node of a schema, which is a tree."""

    __slots__ = (
        "_any_member", "_defaults", "_exempt", "_items", "_members", "_null", "_null_items",
        "_values",
    )  # fmt: skip

    def __init__(self, schema: Schema) -> None:
        self._members = {name: _form(member) for name, member in schema.properties.items()}
        self._values = None if schema.values is None else _form(schema.values)
        self._items = None if schema.items is None else _form(schema.items)
        self._defaults = [
            name for name, member in schema.properties.items() if member.default is not MISSING
        ]
        self._any_member = schema.preserve_unknown_fields
        self._exempt = _WHOLE if schema.embedded_resource else frozenset()
        self._null = schema.nullable
        # Only a default takes the place of a null in a list; a member that is null is pruned.
        items = schema.items
        self._null_items = items is None or items.nullable or items.default is MISSING

    def holds(self, value: Any) -> bool:
        """Return whether a value needs no change. Metadata is not looked at."""
        if type(value) is dict:
            return self._holds_members(value)
        if type(value) is list:
            return self._holds_items(value)
        return value is not None or self._null

    def _holds_members(self, value: dict[str, Any]) -> bool:
        for name in self._defaults:
            if name not in value:
                return False
        members, values, exempt = self._members, self._values, self._exempt
        for name, member in value.items():
            if name in exempt:
                continue
            form = members.get(name) or values
            if form is None:
                if not self._any_member:
                    return False
            elif (member is None or type(member) in _PARTS) and not form.holds(member):
                return False
        return True

    def _holds_items(self, value: list[Any]) -> bool:
        items = self._items
        if items is None:
            if self._any_member:
                return True
            # In items without a schema, only fields are pruned.
            return all(_NOTHING.holds(item) for item in value if type(item) in _PARTS)
        if not self._null_items and None in value:
            return False
        return all(items.holds(item) for item in value if type(item) in _PARTS)


def _form(schema: Schema) -> Form:
    if schema.properties or schema.values is not None or schema.items is not None:
        return Form(schema)
    return _leaf(schema.preserve_unknown_fields, schema.embedded_resource, schema.nullable)


@cache
def _leaf(preserves: bool, embedded: bool, nullable: bool) -> Form:  # noqa: FBT001 - cached
    """Return the shared form of values without specified parts."""
    return Form(
        Schema(preserve_unknown_fields=preserves, embedded_resource=embedded, nullable=nullable)
    )


_NOTHING: Final = Form(Schema())
