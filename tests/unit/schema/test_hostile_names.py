"""Names of megabytes with many values below them: errors are limited, and take no long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.embeddedobjects import embedded_object_errors
from apiserver.schema.errorpaths import MAX_CHARACTERS
from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.listtypes import list_type_problems
from apiserver.schema.structuralrules import structural_problems
from apiserver.schema.structuraltypes import StructuralTypes
from apiserver.schema.validation import validate, validate_update
from tests.unit.schema.structurals import STRING, Props, a_map, an_array, an_object

LONG = "x" * 1_000_000
MANY = 20_000
WHOLE: Props = {**an_object(a=STRING), "x-kubernetes-embedded-resource": True}
SETS = an_array(an_array(STRING, **{"x-kubernetes-list-type": "set"}))
ENDS = 2 * len(LONG) + 1000


def below_a_long_name(member: Props) -> Props:
    """Return the schema of whole objects with many members of this one."""
    members = {str(number): member for number in range(MANY)}
    return an_object(spec=an_object(**{LONG: an_object(**members)}))


@contextmanager
def in_time() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < 20


def assert_few(errors: list[Any]) -> None:
    """Assert that there are errors, but no more than are shown."""
    assert errors
    assert sum(len(str(error)) for error in errors) < 2 * MAX_CHARACTERS + ENDS
    assert "some are not shown" in str(errors[-1])


@pytest.mark.parametrize(
    ("props", "value"),
    [
        (a_map(an_array(STRING)), {LONG: [1] * MANY}),
        (
            a_map({**an_array(STRING), "anyOf": [{"items": {"pattern": "^$"}}]}),
            {LONG: ["a"] * MANY},
        ),
        (a_map(SETS), {LONG: [["a", "a"]] * MANY}),
        (a_map(an_array(WHOLE)), {LONG: [{"a": "x"}] * MANY}),
    ],
)  # fmt: skip
def test_errors_of_a_document_are_limited(props: Props, value: Any) -> None:
    schema = structural_schema(an_object(spec=props))
    document = {"spec": value}
    with in_time():
        errors = validate(document, schema)
        errors = errors or list_type_problems(document, schema)
        errors = errors or embedded_object_errors(document, schema)
        assert_few(errors)
        validate_update(document, {"spec": {}}, schema)


def test_unknown_fields_are_limited() -> None:
    props = an_object(spec=a_map(an_array(an_object(a=STRING))))
    types = StructuralTypes(
        GroupVersionKind("example.com", "v1", "Goose"), structural_schema(props)
    )
    head = {"apiVersion": "example.com/v1", "kind": "Goose", "metadata": {"name": "a"}}
    with in_time():
        decoded = types.decode({**head, "spec": {LONG: [{"b": 1}] * MANY}})
    assert decoded.object["spec"] == {LONG: [{}] * MANY}
    assert 0 < sum(map(len, decoded.problems)) < 2 * MAX_CHARACTERS


@pytest.mark.parametrize(
    "member",
    [
        {},
        {"type": "text"},
        {"type": "array"},
        {**STRING, "pattern": "("},
        {**STRING, "default": 1},
        {**STRING, "x-kubernetes-list-type": "set"},
        {**STRING, "x-kubernetes-validations": [{"rule": ""}]},
        {**STRING, "allOf": [{"type": "string"}]},
    ],
)
def test_errors_of_a_schema_are_limited(member: Props) -> None:
    members = {str(number): member for number in range(MANY)}
    with in_time():
        assert_few(
            structural_problems(an_object(spec=an_object(**{LONG: an_object(**members)})), "")
        )


def test_a_schema_without_errors_takes_no_longer() -> None:
    members = {str(number): {**STRING, "default": "a", "maxLength": 3} for number in range(MANY)}
    with in_time():
        assert (
            structural_problems(an_object(spec=an_object(**{LONG: an_object(**members)})), "") == []
        )
