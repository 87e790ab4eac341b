"""Strategic merge patches: merge patches that use the keys of lists, and have directives.

Objects are merged member by member, and a null removes a member. A list replaces another unless its
patch strategy is ``merge``; then items with the same merge key are merged, or, if there is no merge
key, the union of both lists is formed. The directives, which are members of the patch:

``$patch: replace | delete``
    in an object: the patch replaces the whole object, or deletes its contents; in an item of a
    keyed list: the other items of the patch replace the list, or the item with the same key is
    deleted.
``$retainKeys: [...]``
    members of the object that are not listed are removed; the patch may contain no others.
``$deleteFromPrimitiveList/name: [...]``
    these items of the list ``name`` are removed.
``$setElementOrder/name: [...]``
    the order of the items of the list ``name`` (see `apiserver.patch.ordering`).

Arguments are never mutated; the result shares unchanged parts with both.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final, TypeAlias

from apiserver.machinery.quoting import go_string, go_value, quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.patch.errors import MalformedPatch, PatchDoesNotApply, PatchFails
from apiserver.patch.ordering import (
    Items,
    arranged,
    check_order,
    identity,
    no_merge_key,
    wrong_type,
)
from apiserver.patch.reading import no_object, read
from apiserver.schema.structural import Schema

Members: TypeAlias = dict[str, Any]

_DIRECTIVE: Final = "$patch"
_RETAIN_KEYS: Final = "$retainKeys"
_DELETE_FROM: Final = "$deleteFromPrimitiveList"
_SET_ORDER: Final = "$setElementOrder"
_UNSCHEMED: Final = Schema(type="object")


@valueclass
class StrategicMergePatch:
    """A strategic merge patch, and its field validation errors."""

    document: Members
    problems: list[str] = field(default_factory=list)


def parse(body: bytes, *, validated: bool = True) -> StrategicMergePatch:
    """Parse a strategic merge patch; ``validated`` is false if fieldValidation is Ignore.

    Raises MalformedPatch.
    """
    reading = read(body)
    document = {} if reading.document is None else reading.document
    if not isinstance(document, dict):
        raise MalformedPatch(no_object(document))
    return StrategicMergePatch(document, reading.duplicates if validated else [])


def apply(document: Members, patch: StrategicMergePatch, schema: Schema) -> Members:
    """Return ``document``, which has the type ``schema``, after the patch.

    Raises MalformedPatch, PatchDoesNotApply, PatchFails.
    """
    return _merge(document, patch.document, schema)


def _merge(original: Members, patch: Members, schema: Schema) -> Members:
    if _DIRECTIVE in patch:
        return _directed(patch)
    if not patch:
        return original
    result = dict(original)
    rest = patch
    if _RETAIN_KEYS in patch:
        rest = {name: value for name, value in patch.items() if name != _RETAIN_KEYS}
        _retain(result, rest, patch[_RETAIN_KEYS])
    for name in [name for name in rest if name.startswith(_SET_ORDER)]:
        rest = _merge_ordered(result, rest, name, schema)
    for name, value in rest.items():
        if name.startswith(_DELETE_FROM):
            listed = _listed(name, _DELETE_FROM, "primitive list")
            _merge_member(result, listed, value, schema, deleting=True)
        else:
            _merge_member(result, name, value, schema)
    return result


def _directed(patch: Members) -> Members:
    directive = patch[_DIRECTIVE]
    if directive == "replace":
        return {name: value for name, value in patch.items() if name != _DIRECTIVE}
    if directive == "delete":
        return {}
    raise _unknown_directive(directive, patch)


def _unknown_directive(directive: Any, patch: Members) -> PatchFails:
    return PatchFails(f"unknown patch type: {go_string(directive)} in map: {go_value(patch)}")


def _retain(result: Members, patch: Members, keys: Any) -> None:
    if not isinstance(keys, list):
        raise MalformedPatch("invalid patch format of retainKeys")
    kept = {key for key in keys if isinstance(key, str)}
    for name, value in patch.items():
        if value is None or name.startswith((_DELETE_FROM, _SET_ORDER)):
            continue
        if name not in kept:
            raise MalformedPatch("invalid patch format of retainKeys")
    for name in result.keys() - kept:
        del result[name]


def _listed(name: str, prefix: str, what: str) -> str:
    """Return the name of the list that a directive refers to."""
    directive, slash, listed = name.partition("/")
    if directive != prefix or not slash:
        raise MalformedPatch(f"invalid patch format of {what}")
    return listed


def _merge_member(
    result: Members, name: str, value: Any, schema: Schema, *, deleting: bool = False
) -> None:
    if value is None:
        result.pop(name, None)
        return
    current = result.get(name)
    if name not in result or type(current) is not type(value):
        if deleting:
            return
        value, kept = _plain(value)
        if kept:
            result[name] = value
        else:
            result.pop(name, None)
    elif isinstance(value, dict):
        assert isinstance(current, dict)
        member = _member_schema(schema, name)
        replaced = "replace" in member.patch_strategy
        result[name] = value if replaced else _merge(current, value, member)
    elif isinstance(value, list):
        assert isinstance(current, list)
        merged, _ = _merge_lists(current, value, _member_schema(schema, name), deleting=deleting)
        result[name] = merged
    else:
        result[name] = value


def _plain(value: Any) -> tuple[Any, bool]:
    """Return a new value without nulls and directives, and whether any of the value is kept."""
    if isinstance(value, dict):
        if value.get(_DIRECTIVE) is not None:
            return None, False
        members = {}
        for name, member in value.items():
            if member is not None:
                plain, kept = _plain(member)
                if kept:
                    members[name] = plain
        return members, True
    if isinstance(value, list):
        return [item for item, kept in map(_plain, value) if kept], True
    return value, True


def _member_schema(schema: Schema, name: str) -> Schema:
    if schema.values is not None:
        raise PatchFails("merging an object in json but data type is not struct, instead is: map")
    member = schema.properties.get(name)
    if member is None:
        # Only raw documents contain members that their type does not declare.
        raise PatchFails(
            f"unable to find api field in struct RawExtension for the json field {quote(name)}"
        )
    return member


def _merge_ordered(result: Members, patch: Members, directive: str, schema: Schema) -> Members:
    """Merge and order one list; return the remaining patch."""
    order = patch[directive]
    patch = {name: value for name, value in patch.items() if name != directive}
    if not isinstance(order, list):
        raise wrong_type([], order)
    name = _listed(directive, _SET_ORDER, "setElementOrder list")
    original, given = result.get(name), patch.get(name)
    for found, items in ((name in result, original), (name in patch, given)):
        if found and not isinstance(items, list):
            raise wrong_type([], items)
    member = _member_schema(schema, name)
    key = member.patch_merge_key
    check_order(given or [], order, key)
    if given is None:
        if original is None:
            return patch
        merged = before = original
    elif original is None:
        merged, _ = _without_directives(given)
        before = []
    else:
        merged, before = _merge_lists(original, given, member)
    _check_items(original or [], given or [])
    result[name] = arranged(merged, order, before, key)
    return {left: value for left, value in patch.items() if left != name}


def _without_directives(value: Any) -> tuple[Any, bool]:
    """Return a value without objects that have directives (nulls stay), and whether it stays."""
    if isinstance(value, dict):
        if _DIRECTIVE in value:
            return None, False
        members = {}
        for name, member in value.items():
            plain, kept = _without_directives(member)
            if kept:
                members[name] = plain
        return members, True
    if isinstance(value, list):
        return [item for item, kept in map(_without_directives, value) if kept], True
    return value, True


def _merge_lists(
    original: Items, patch: Items, schema: Schema, *, deleting: bool = False
) -> tuple[Items, Items]:
    """Return the merged list, and the original order of its items, which sorting needs."""
    if "merge" not in schema.patch_strategy:
        return patch, original
    if not original and not patch:
        return original, original
    key = schema.patch_merge_key
    if _check_items(original, patch) is not dict:
        return _merge_sets(original, patch, deleting=deleting), original
    if not key:
        item_type = schema.items.type if schema.items else ""
        raise PatchFails(f"cannot merge lists without merge key for {item_type}")
    remaining, additions, replaced = _take_directives(original, patch, key)
    if replaced:
        return arranged(additions, [], additions, key), original
    merged, appended = _merge_items(remaining, additions, key, schema.items or _UNSCHEMED)
    # Kubernetes appends to the list from which it deletes, so the original order, which never
    # grows, then contains the first of the new items in the places of the deleted ones.
    before = [*remaining, *appended][: len(original)]
    return arranged(merged, additions, remaining, key), before


def _check_items(*lists: Items) -> type:
    """Return the common type of all items."""
    types = {type(item) for items in lists for item in items}
    if not types:
        raise PatchFails("no elements in any of the given slices")
    if list in types and type(next(item for items in lists for item in items)) is list:
        raise PatchDoesNotApply("lists of lists are not supported")
    if len(types) > 1:
        raise PatchFails(f"list element types are not identical: {go_value(list(lists))}")
    return types.pop()


def _merge_sets(original: Items, patch: Items, *, deleting: bool) -> Items:
    if deleting:
        deleted = set(map(identity, patch))
        return [item for item in original if identity(item) not in deleted]
    both = {identity(item): item for item in (*original, *patch)}
    return arranged(list(both.values()), patch, original, "")


def _take_directives(original: Items, patch: Items, key: str) -> tuple[Items, Items, bool]:
    """Process items with directives.

    Return the remaining items, the items to merge, and whether the latter replace the list.
    """
    additions, deleted, replacing = [], set(), False
    for item in patch:
        if _DIRECTIVE not in item:
            additions.append(item)
            continue
        match item[_DIRECTIVE]:
            case "delete":
                if key not in item:
                    raise no_merge_key(item, key)
                deleted.add(identity(item[key]))
            case "replace":
                replacing = True
            case "merge":
                raise PatchFails("merging lists cannot yet be specified in the patch")
            case directive:
                raise _unknown_directive(directive, item)
    if deleted:
        original = [
            item for item in original if key not in item or identity(item[key]) not in deleted
        ]
    return original, additions, replacing


def _merge_items(
    original: Items, additions: Items, key: str, schema: Schema
) -> tuple[Items, Items]:
    """Return the items merged by their key, and the new items."""
    merged = list(original)
    places: dict[Any, int] = {}
    for place, item in enumerate(merged):
        if key in item:
            places.setdefault(identity(item[key]), place)
    for item in additions:
        if key not in item:
            raise no_merge_key(item, key)
        found = places.setdefault(identity(item[key]), len(merged))
        if found < len(merged):
            merged[found] = _merge(merged[found], item, schema)
        else:
            merged.append(item)
    return merged, merged[len(original) :]
