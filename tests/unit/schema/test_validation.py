"""The errors of custom objects, as kube-apiserver words them."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.validation import validate, validate_update
from tests.unit.schema.structurals import (
    INTEGER,
    STRING,
    Props,
    a_map,
    an_array,
    an_object,
    schema_of,
)

NUMBER: Props = {"type": "number"}
PORT: Props = {"x-kubernetes-int-or-string": True}
SHARE: Props = {**PORT, "anyOf": [INTEGER, STRING], "pattern": "^[0-9]+%$"}
SPEC = an_object(
    name={**STRING, "minLength": 2, "maxLength": 5, "pattern": "^[a-z]+$"},
    count={**INTEGER, "minimum": 1, "maximum": 10},
    ratio={**NUMBER, "minimum": 0, "exclusiveMinimum": True,
           "maximum": 1.5, "exclusiveMaximum": True},
    step={**INTEGER, "multipleOf": 5},
    mode={**STRING, "enum": ["On", "Off"]},
    tags=an_array(STRING, minItems=1, maxItems=2),
    labels={**a_map(STRING), "maxProperties": 1, "minProperties": 1},
    when={**STRING, "format": "date-time"},
    small={**INTEGER, "format": "int32"},
    flag={"type": "boolean"},
    port=PORT,
    share=SHARE,
    maybe={**STRING, "nullable": True},
    open={"x-kubernetes-preserve-unknown-fields": True},
)  # fmt: skip
SCHEMA = structural_schema({**an_object(spec={**SPEC, "required": ["name"]}), "required": ["spec"]})
TYPE = "FieldValueTypeInvalid"
INVALID = "FieldValueInvalid"


def messages(props: Props, value: Any) -> list[str]:
    """Return the errors of a value at ``spec.x``."""
    return [str(error) for error in validate({"spec": {"x": value}}, at_x(props))]


def at_x(props: Props) -> Any:
    return schema_of(spec=an_object(x=props))


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        ({"name": "abc", "count": 1, "ratio": 0.5, "step": 15, "mode": "Off", "tags": ["a"],
          "labels": {"a": "b"}, "when": "2026-01-02T03:04:05Z", "flag": True, "port": "http",
          "share": 7, "maybe": None, "open": [{"a": [1, None]}], "unknown": 1}, []),
        (None,
         [(TYPE, 'spec: Invalid value: "null": spec in body must be of type object: "null"')]),
        ({}, [("FieldValueRequired", "spec.name: Required value")]),
        ({"name": "ABCDEF"},
         [("FieldValueTooLong", "spec.name: Too long: may not be more than 5 bytes")]),
        ({"name": "a"},
         [(INVALID, 'spec.name: Invalid value: "a": spec.name in body should be at least 2 chars '
           "long")]),
        ({"name": "AB"},
         [(INVALID, "spec.name: Invalid value: \"AB\": spec.name in body should match "
           "'^[a-z]+$'")]),
        ({"count": 0},
         [(INVALID, "spec.count: Invalid value: 0: spec.count in body should be greater than or "
           "equal to 1")]),
        ({"count": 11},
         [(INVALID, "spec.count: Invalid value: 11: spec.count in body should be less than or "
           "equal to 10")]),
        ({"count": 1.5},
         [(TYPE, 'spec.count: Invalid value: "number": spec.count in body must be of type integer: '
           '"number"'),
          (INVALID, '<nil>: Invalid value: "": Checked value must be of type integer (default '
           "format) in spec.count")]),
        ({"ratio": 0},
         [(INVALID, "spec.ratio: Invalid value: 0: spec.ratio in body should be greater than 0")]),
        ({"ratio": 1.5},
         [(INVALID, "spec.ratio: Invalid value: 1.5: spec.ratio in body should be less than "
           "1.5")]),
        # A bound loses its fraction before an integer is compared with it.
        ({"ratio": 1},
         [(INVALID, "spec.ratio: Invalid value: 1: spec.ratio in body should be less than 1")]),
        ({"step": 7},
         [(INVALID, "spec.step: Invalid value: 7: spec.step in body should be a multiple of 5")]),
        ({"mode": "Maybe"},
         [("FieldValueNotSupported", 'spec.mode: Unsupported value: "Maybe": supported values: '
           '"On", "Off"')]),
        ({"mode": 1},
         [(TYPE, 'spec.mode: Invalid value: "integer": spec.mode in body must be of type string: '
           '"integer"'),
          ("FieldValueNotSupported",
           'spec.mode: Unsupported value: 1: supported values: "On", "Off"')]),
        ({"tags": []},
         [(INVALID, "spec.tags: Invalid value: 0: spec.tags in body should have at least 1 "
           "items")]),
        ({"tags": ["a", 1, "c"]},
         [(TYPE, 'spec.tags[1]: Invalid value: "integer": spec.tags[1] in body must be of type '
           'string: "integer"'),
          ("FieldValueTooMany", "spec.tags: Too many: 3: must have at most 2 items")]),
        ({"labels": {}},
         [(INVALID, "spec.labels: Invalid value: 0: spec.labels in body should have at least 1 "
           "properties")]),
        ({"labels": {"a": "b", "c": 1}},
         [("FieldValueTooMany", "spec.labels: Too many: 2: must have at most 1 item")]),
        ({"labels": {"a.b": 1}},
         [(TYPE, 'spec.labels.a.b: Invalid value: "integer": spec.labels.a.b in body must be of '
           'type string: "integer"')]),
        ({"labels": []},
         [(TYPE, 'spec.labels: Invalid value: "array": spec.labels in body must be of type object: '
           '"array"')]),
        ({"when": "yesterday"},
         [(TYPE, 'spec.when: Invalid value: "yesterday": spec.when in body must be of type '
           'date-time: "yesterday"')]),
        # The format of a string is said instead of its type, and lists pass.
        ({"when": 1},
         [(TYPE, 'spec.when: Invalid value: "int64": spec.when in body must be of type date-time: '
           '"int64"')]),
        ({"when": [1]}, []),
        ({"small": 1 << 31},
         [(INVALID, '<nil>: Invalid value: "": Checked value must be of type integer with format '
           "int32 in spec.small")]),
        ({"flag": "true"},
         [(TYPE, 'spec.flag: Invalid value: "string": spec.flag in body must be of type boolean: '
           '"string"')]),
        ({"port": True, "share": "half"},
         [(TYPE, 'spec.port: Invalid value: "boolean": spec.port in body must be of type '
           'integer,string: "boolean"'),
          (INVALID, "spec.share: Invalid value: \"half\": spec.share in body should match "
           "'^[0-9]+%$'")]),
        ({"port": 1.5, "share": [1]},
         [(TYPE, 'spec.port: Invalid value: "number": spec.port in body must be of type '
           'integer,string: "number"'),
          (TYPE, 'spec.share: Invalid value: "array": spec.share in body must be of type '
           'integer,string: "array"'),
          (INVALID, '<nil>: Invalid value: "": "spec.share" must validate at least one schema '
           "(anyOf)"),
          (TYPE, 'spec.share: Invalid value: "array": spec.share in body must be of type integer: '
           '"array"')]),
    ],
)  # fmt: skip
def test_each_assertion_has_its_message(spec: Any, errors: list[tuple[str, str]]) -> None:
    document = {"spec": spec if not spec else {"name": "abc", **spec}}
    found = [(error.reason, str(error)) for error in validate(document, SCHEMA)]
    assert found == errors


def test_what_is_missing_at_the_root() -> None:
    assert list(map(str, validate({"kind": "A"}, SCHEMA))) == ["spec: Required value"]


@pytest.mark.parametrize(
    ("props", "value", "errors"),
    [
        ({**INTEGER, "minimum": 0.5}, 3,
         ['<nil>: Invalid value: "": Minimum boundary value must be of type integer (default '
          "format) in spec.x"]),
        ({**INTEGER, "maximum": 0.5}, 1000000,
         ['<nil>: Invalid value: "": Maximum boundary value must be of type integer (default '
          "format) in spec.x",
          "spec.x: Invalid value: 1e+06: spec.x in body should be less than or equal to 0.5"]),
        ({**INTEGER, "multipleOf": 0.5}, 3,
         ['<nil>: Invalid value: "": MultipleOf value must be of type integer (default format) in '
          "spec.x"]),
        ({**NUMBER, "multipleOf": 0.1}, 0.3, []),
        ({**NUMBER, "multipleOf": 0.5}, 3, []),
        ({**NUMBER, "multipleOf": 0.5}, 0.7,
         ["spec.x: Invalid value: 0.7: spec.x in body should be a multiple of 0.5"]),
        ({**NUMBER, "multipleOf": -2}, 4,
         ["spec.x: Invalid value: -2: factor MultipleOf declared for spec.x must be positive: -2"]),
        ({**NUMBER, "multipleOf": 0}, 4,
         ["spec.x: Invalid value: 4: spec.x in body should be a multiple of 0"]),
        ({**NUMBER, "maximum": 1e19}, 5,
         ["spec.x: Invalid value: 5: spec.x in body should be less than or equal to "
          "-9223372036854775808"]),
        ({**NUMBER, "maximum": 1e19}, 5.5, []),
        ({**NUMBER, "format": "float"}, 1e39,
         ['<nil>: Invalid value: "": Checked value must be of type number with format float in '
          "spec.x"]),
        ({**INTEGER, "format": "int32"}, 1.5,
         ['spec.x: Invalid value: "float64": spec.x in body must be of type int32: "float64"',
          '<nil>: Invalid value: "": Checked value must be of type integer with format int32 in '
          "spec.x"]),
        ({**INTEGER, "format": "int32"}, "1",
         ['spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"']),
        ({**INTEGER, "format": "int32"}, True,
         ['spec.x: Invalid value: "": spec.x in body must be of type int32: ""']),
        # Formats that are not known do not count.
        ({**STRING, "format": "int32"}, "1", []),
        ({**INTEGER, "format": "date"}, 1, []),
        # Allowed values are compared as values of their own type.
        ({**NUMBER, "enum": [1, 2.5]}, 1.7, []),
        ({**NUMBER, "enum": [1, 2.5]}, 2,
         ["spec.x: Unsupported value: 2: supported values: \"1\", \"2.5\""]),
        ({"x-kubernetes-preserve-unknown-fields": True, "enum": ["A", {"b": 1, "a": [2]}]}, 65, []),
        ({"x-kubernetes-preserve-unknown-fields": True, "enum": ["A", {"b": 1, "a": [2]}]},
         {"a": [2], "b": 1}, []),
        ({"x-kubernetes-preserve-unknown-fields": True, "enum": ["A", {"b": 1, "a": [2]}]},
         {"b": "<", "a": 1},
         [r'spec.x: Unsupported value: {"a":1,"b":"\u003c"}: supported values: "A", '
          r'"{\"a\":[2],\"b\":1}"']),
        ({**STRING, "nullable": True, "enum": ["a", None]}, None,
         ['spec.x: Unsupported value: null: supported values: "a", "null"']),
        ({"type": "object", "additionalProperties": False}, {"b": 1},
         ['spec.x: Invalid value: "b": spec.x.b in body is a forbidden property']),
        ({"type": "object", "additionalProperties": True}, {"b": None, "c": [1]}, []),
        ({**STRING, "pattern": "("}, "x",
         ["spec.x: Invalid value: \"x\": spec.x in body should match '(, but pattern is invalid: "
          "error parsing regexp: missing closing ): `(`'"]),
        ({**STRING, "maxLength": 2}, "äöü",
         ["spec.x: Too long: may not be more than 2 bytes"]),
    ],
)  # fmt: skip
def test_details_of_comparisons(props: Props, value: Any, errors: list[str]) -> None:
    assert messages(props, value) == errors


A_OR_B: list[Props] = [{"required": ["a"]}, {"required": ["b"]}]
AB = an_object(a=STRING, b=STRING)


@pytest.mark.parametrize(
    ("props", "value", "errors"),
    [
        ({"anyOf": A_OR_B}, {"a": "x", "b": "x"}, []),
        ({"anyOf": A_OR_B}, {},
         ['<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)',
          "spec.x.a: Required value"]),
        ({"oneOf": A_OR_B}, {"b": "x"}, []),
        ({"oneOf": A_OR_B}, {"a": "x", "b": "x"},
         ['<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found '
          "2 valid alternatives"]),
        ({"oneOf": A_OR_B}, {},
         ['<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found '
          "none valid", "spec.x.a: Required value"]),
        ({"allOf": A_OR_B}, {"a": "x", "b": "x"}, []),
        ({"allOf": A_OR_B}, {"a": "x"},
         ["spec.x.b: Required value",
          '<nil>: Invalid value: "": "spec.x" must validate all the schemas (allOf)']),
        ({"allOf": A_OR_B}, {},
         ["spec.x.a: Required value", "spec.x.b: Required value",
          '<nil>: Invalid value: "": "spec.x" must validate all the schemas (allOf). None '
          "validated"]),
        ({"not": {"required": ["a"]}}, {"b": "x"}, []),
        ({"not": {"required": ["a"]}}, {"a": "x"},
         ['<nil>: Invalid value: "": "spec.x" must not validate the schema (not)']),
        # The alternative that fits best is reported: the one with the member that is right.
        ({"anyOf": [{"properties": {"a": {"pattern": "y"}}},
                    {"properties": {"a": {"pattern": "x"}, "b": {"pattern": "y"}}}]},
         {"a": "x", "b": "x"},
         ['<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)',
          "spec.x.b: Invalid value: \"x\": spec.x.b in body should match 'y'"]),
        # An error is reported once.
        ({"required": ["a"], "allOf": [{"required": ["a"]}]}, {},
         ["spec.x.a: Required value",
          '<nil>: Invalid value: "": "spec.x" must validate all the schemas (allOf). None '
          "validated"]),
    ],
)  # fmt: skip
def test_alternatives(props: Props, value: Any, errors: list[str]) -> None:
    assert messages({**AB, **props}, value) == errors


NAME: Props = {**STRING, "maxLength": 3}
KEYED = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"]}
ITEM = an_object(k=STRING, v=NAME)
PARTS = schema_of(
    kind=NAME,
    a=NAME,
    b=STRING,
    object={**an_object(a=NAME, b=STRING), "minProperties": 2},
    plain=an_array(NAME),
    atomic=an_array(NAME, **{"x-kubernetes-list-type": "atomic"}),
    keyed=an_array(ITEM, **KEYED),
    map=a_map(NAME),
    open={**an_object(a=STRING), "x-kubernetes-preserve-unknown-fields": True, "maxProperties": 1},
    one={**an_object(a=STRING), "oneOf": [{"properties": {"a": NAME}}, {"required": ["a"]}]},
)
LONG = "long"


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ({"a": LONG}, {"a": LONG, "b": "x"}, []),
        ({"a": LONG}, {"a": LONG + "er"}, ["a"]),
        ({"b": LONG}, {"a": LONG}, ["a"]),
        # The kind of the whole object is that of the request in both.
        ({"kind": LONG}, {"kind": LONG, "b": "x"}, ["kind"]),
        ({"object": {"a": LONG}}, {"object": {"a": LONG}, "b": "x"}, []),
        ({"object": {"a": LONG}}, {"object": {"b": LONG}}, ["object"]),
        ({"plain": [LONG, "x"]}, {"plain": [LONG, "y"]}, []),
        ({"plain": [LONG, "x"]}, {"plain": ["x", LONG]}, ["plain[1]"]),
        ({"plain": [LONG]}, {"plain": [LONG, LONG]}, ["plain[1]"]),
        ({"atomic": [LONG, "x"]}, {"atomic": [LONG, "y"]}, ["atomic[0]"]),
        ({"atomic": [LONG, "x"]}, {"atomic": [LONG, "x"], "b": "x"}, []),
        ({"keyed": [{"k": "x", "v": LONG}, {"k": "y"}]}, {"keyed": [{"k": "x", "v": LONG}]}, []),
        ({"keyed": [{"k": "x", "v": LONG}, {"k": "y"}]},
         {"keyed": [{"k": "z"}, {"k": "x", "v": LONG}]}, []),
        ({"keyed": [{"k": "x", "v": LONG}]}, {"keyed": [{"k": "y", "v": LONG}]}, ["keyed[0].v"]),
        ({"keyed": [{"v": LONG}]}, {"keyed": [{"v": LONG}]}, ["keyed[0].v"]),
        ({"map": {"x": LONG}}, {"map": {"x": LONG, "y": LONG}}, ["map.y"]),
        # What is not specified cannot be compared.
        ({"open": {"x": 1, "y": 1}}, {"open": {"x": 1, "y": 1}}, ["open"]),
        # One error less is one alternative too many.
        ({"one": {"a": LONG}}, {"one": {"a": LONG}}, []),
        ({"one": {"a": LONG}}, {"one": {"a": LONG, "b": 1}}, ["<nil>"]),
        ({"a": 1}, {"a": True}, ["a"]),
    ],
)  # fmt: skip
def test_an_update_may_keep_what_is_invalid(old: Any, new: Any, fields: list[str]) -> None:
    assert [error.field for error in validate_update(new, old, PARTS)] == fields
