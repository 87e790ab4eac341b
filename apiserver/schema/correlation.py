"""Correlation: which part of the old object a part of the new one is an update of.

Members of objects are correlated by their names, items of a keyed list by their keys, items of a
list without a declared type by their indexes; items of sets and atomic lists are not correlated.
Errors in a part that is equal to its old part are no reason to refuse an update: KEP-4008.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from apiserver.machinery.equality import deep_equal
from apiserver.schema.structural import ANY_VALUE, Schema

_SCALARS: Final = (bool, int, float, str)


class Correlated:
    """A value, the old value that it replaces, and the schema of both."""

    __slots__ = ("_children", "_equal", "_keyed", "_old", "_schema", "_value")

    def __init__(self, value: Any, old: Any, schema: Schema) -> None:
        self._value = value
        self._old = old
        self._schema = schema
        self._equal: bool | None = None
        self._keyed: dict[bytes, Any] | None = None
        self._children: dict[str | int, Correlated | None] = {}

    @property
    def old(self) -> Any:
        """Return the old value."""
        return self._old

    def member(self, name: str) -> Correlated | None:
        """Return a member of an object, ``None`` if it is not specified or has no old value."""
        if name not in self._children:
            self._children[name] = self._find_member(name)
        return self._children[name]

    def item(self, index: int) -> Correlated | None:
        """Return an item of a list, ``None`` if it has no old value."""
        if index not in self._children:
            self._children[index] = self._find_item(index)
        return self._children[index]

    def equal(self) -> bool:
        """Return whether the value is the old value, in any order of the items of keyed lists."""
        if self._equal is None:
            self._equal = self._compare()
        return self._equal

    def _find_member(self, name: str) -> Correlated | None:
        specified = self._schema.member(name)
        if specified is None or specified is ANY_VALUE:
            return None
        if type(self._value) is not dict or type(self._old) is not dict or name not in self._old:
            return None
        return Correlated(self._value[name], self._old[name], specified)

    def _find_item(self, index: int) -> Correlated | None:
        items = self._schema.items
        if type(self._value) is not list or type(self._old) is not list or items is None:
            return None
        item, old = self._value[index], None
        if self._schema.list_type == "map":
            key = self._key_of(item)
            old = None if key is None else self._old_items().get(key)
        elif not self._schema.list_type and index < len(self._old):
            old = self._old[index]
        return None if old is None else Correlated(item, old, items)

    def _old_items(self) -> dict[bytes, Any]:
        if self._keyed is None:
            self._keyed = {}
            for item in self._old:
                key = self._key_of(item)
                if key is not None:
                    self._keyed.setdefault(key, item)
        return self._keyed

    def _key_of(self, item: Any) -> bytes | None:
        """Return the keys of an item, ``None`` if it has not all of them."""
        if type(item) is not dict:
            return None
        keys = [item.get(name) for name in self._schema.list_map_keys]
        return orjson.dumps(keys) if all(isinstance(key, _SCALARS) for key in keys) else None

    def _compare(self) -> bool:
        value, old = self._value, self._old
        if type(value) is not type(old):
            return False
        if type(value) is list:
            return len(value) == len(old) and self._compare_items()
        if type(value) is dict:
            return len(value) == len(old) and all(map(_is_equal, map(self.member, value)))
        return deep_equal(value, old)

    def _compare_items(self) -> bool:
        for index in range(len(self._value)):
            item = self.item(index)
            if item is None:
                # Where items cannot be correlated, the list is compared as a whole.
                return self._schema.list_type != "map" and deep_equal(self._value, self._old)
            if not item.equal():
                return False
        return True


def _is_equal(part: Correlated | None) -> bool:
    return part is not None and part.equal()
