"""Invariants of structural schemas, for every schema and every document.

The rules of schemas and the validation never fail, whatever they are given. Pruning and defaulting
a second time change nothing. An update that changes nothing is valid.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.schema.defaulting import fill_defaults
from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.listtypes import list_type_problems
from apiserver.schema.structuralpruning import MalformedObject, prune_value
from apiserver.schema.structuralrules import structural_problems
from apiserver.schema.structuraltypes import StructuralTypes
from apiserver.schema.validation import validate, validate_update

Props = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "c", "metadata"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["", "a"])
)
JSON = st.recursive(
    SCALARS,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(NAMES, parts, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=4)
#: An object with lists that no schema says anything of.
NULLS = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"x-kubernetes-int-or-string": True}}},
}
DEFAULTED_NULLS = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "string", "default": "b"}}},
}
LISTS = {"a": [[], [None, 1, {}], [{"b": 1}]]}
SIZES = st.integers(0, 2)
ASSERTIONS: dict[str, st.SearchStrategy[Any]] = {
    "enum": st.lists(JSON, min_size=1, max_size=2),
    "minimum": st.integers(-3, 3) | st.floats(-3, 3),
    "maximum": st.integers(-3, 3) | st.floats(-3, 3),
    "exclusiveMinimum": st.booleans(),
    "multipleOf": st.sampled_from([0, 0.5, 2, -1]),
    "minLength": SIZES,
    "maxLength": SIZES,
    "pattern": st.sampled_from(["a", "^$"]),
    "format": st.sampled_from(["date", "int32", "float", "byte", "odd"]),
    "minItems": SIZES,
    "maxItems": SIZES,
    "minProperties": SIZES,
    "maxProperties": SIZES,
    "required": st.lists(NAMES, max_size=2),
}


def asserting(props: st.SearchStrategy[Props]) -> st.SearchStrategy[Props]:
    """Return schemas that assert: those of ``props``, with their assertions nested or not."""
    some = st.fixed_dictionaries({}, optional=ASSERTIONS)
    nested = st.fixed_dictionaries(
        {},
        optional={
            **ASSERTIONS,
            "properties": st.dictionaries(NAMES, some, max_size=2),
            "items": some,
        },
    )
    branches = st.lists(nested, min_size=1, max_size=2)
    junctors = st.fixed_dictionaries(
        {}, optional={"anyOf": branches, "oneOf": branches, "allOf": branches, "not": nested}
    )
    return st.builds(lambda *parts: {k: v for each in parts for k, v in each.items()},
                     some, junctors, props)  # fmt: skip


def containers(parts: st.SearchStrategy[Props]) -> st.SearchStrategy[Props]:
    """Return schemas of objects, maps and lists of values of ``parts``."""
    objects = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(NAMES, parts, max_size=3)},
        optional={
            "x-kubernetes-preserve-unknown-fields": st.just(value=True),
            "x-kubernetes-embedded-resource": st.just(value=True),
            "nullable": st.booleans(),
            "default": OBJECTS,
        },
    )
    maps = st.fixed_dictionaries(
        {"type": st.just("object"), "additionalProperties": parts | st.booleans()}
    )
    lists = st.fixed_dictionaries(
        {"type": st.just("array"), "items": parts},
        optional={"x-kubernetes-list-type": st.sampled_from(["atomic", "set"])},
    )
    return asserting(objects | maps | lists)


LEAVES = asserting(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "number", "boolean"])},
        optional={"nullable": st.booleans(), "default": JSON},
    )
    | st.just({"x-kubernetes-int-or-string": True})
    | st.just({"x-kubernetes-preserve-unknown-fields": True})
)
PROPS = st.recursive(LEAVES, containers, max_leaves=6)
ROOTS = st.builds(
    lambda properties: {"type": "object", "properties": properties},
    st.dictionaries(NAMES.filter(lambda name: name != "metadata"), PROPS, max_size=4),
)


@given(PROPS)
def test_the_rules_never_fail(props: Props) -> None:
    for schema in (props, {"type": "object", "properties": {"a": props}}):
        structural_problems(schema, "schema", has_status=True)


@given(ROOTS, OBJECTS)
def test_validation_never_fails_and_changes_nothing(props: Props, document: Any) -> None:
    schema = structural_schema(props)
    before = deepcopy(document)
    errors = validate(document, schema)
    assert len(set(errors)) == len(errors)
    list_type_problems(document, schema)
    validate_update(document, {}, schema)
    assert document == before


@given(ROOTS, OBJECTS)
def test_pruning_and_defaulting_are_idempotent(props: Props, document: Any) -> None:
    schema = structural_schema(props)
    try:
        pruned, _ = prune_value(document, schema)
    except MalformedObject:
        return
    assert prune_value(pruned, schema) == (pruned, [])
    fill_defaults(pruned, schema)
    once = deepcopy(pruned)
    fill_defaults(pruned, schema)
    assert pruned == once


@given(ROOTS, OBJECTS)
def test_an_update_that_changes_nothing_is_valid(props: Props, document: Any) -> None:
    schema = structural_schema(props)
    try:
        pruned, _ = prune_value(document, schema)
    except MalformedObject:
        return
    if not _preserves(props):
        assert validate_update(pruned, deepcopy(pruned), schema) == []


@given(ROOTS.filter(lambda props: structural_problems(props, "schema") == []), OBJECTS)
@example({"type": "object", "properties": {"a": {"x-kubernetes-int-or-string": True}}}, LISTS)
@example(NULLS, {"a": [None]})
@example(DEFAULTED_NULLS, {"a": [None]})
def test_what_is_stored_is_read_back_as_it_is(props: Props, document: Any) -> None:
    types = StructuralTypes(
        GroupVersionKind("example.com", "v1", "Goose"), structural_schema(props)
    )
    metadata = {"name": "a", "generation": 1}
    try:
        stored = types.from_storage({**document, "metadata": metadata})
    except MalformedObject:
        return
    assert types.from_storage(stored) is stored


def _preserves(value: Any) -> bool:
    """Return whether a schema keeps what it does not specify, which cannot be compared."""
    if isinstance(value, list):
        return any(map(_preserves, value))
    if isinstance(value, dict):
        open_ = "x-kubernetes-preserve-unknown-fields" in value
        closed = isinstance(value.get("additionalProperties"), bool)
        embedded = "x-kubernetes-embedded-resource" in value
        return open_ or closed or embedded or any(map(_preserves, value.values()))
    return False
