"""Validation of the schemas of CustomResourceDefinitions."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.schema.structuralrules import structural_problems
from tests.unit.schema.structurals import INTEGER, STRING, Props, a_map, an_array, an_object

PRESERVE = "x-kubernetes-preserve-unknown-fields"
EMBEDDED = "x-kubernetes-embedded-resource"
INT_OR_STRING = "x-kubernetes-int-or-string"
LIST_TYPE = "x-kubernetes-list-type"
KEYS = "x-kubernetes-list-map-keys"
MAP_TYPE = "x-kubernetes-map-type"
RULES = "x-kubernetes-validations"
OPEN: Props = {"type": "object", PRESERVE: True}
ANY_OF: list[Props] = [INTEGER, STRING]
KEYED: Props = {LIST_TYPE: "map", KEYS: ["k"]}
UNIQUE = (
    "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
)
METADATA = (
    "properties[metadata]: Forbidden: must not specify anything other than name and generateName, "
    "but metadata is implicitly specified"
)


def problems(props: Props, **options: Any) -> list[str]:
    found = structural_problems(props, "schema", **options)
    return [str(error).removeprefix("schema") for error in found]


def below(problem: str) -> str:
    """Return the problem of the member x."""
    return f".properties[x]{problem}"


@pytest.mark.parametrize(
    ("props", "errors"),
    [
        (an_object(), []),
        ({**OPEN, "properties": {"spec": OPEN}}, []),
        ({}, [".type: Required value: must not be empty at the root"]),
        ({PRESERVE: True}, []),
        (an_array(STRING), ['.type: Invalid value: "array": must be object at the root']),
        (a_map(STRING), [".additionalProperties: Forbidden: must not be used at the root"]),
        ({**an_object(), "nullable": True},
         [".nullable: Forbidden: nullable cannot be true at the root"]),
        (an_object(metadata={"type": "object"}), []),
        (an_object(metadata=an_object(name={**STRING, "maxLength": 5}, generateName=STRING)), []),
        (an_object(metadata=an_object(labels=a_map(STRING))), ["." + METADATA]),
        (an_object(metadata=an_object(name=STRING, labels=OPEN)), ["." + METADATA]),
        (an_object(metadata={"type": "object", "minProperties": 0}), ["." + METADATA]),
        (an_object(metadata={"type": "object", "description": "d"}), ["." + METADATA]),
        (an_object(metadata=STRING, kind=INTEGER, apiVersion=INTEGER),
         ['.properties[apiVersion].type: Invalid value: "integer": must be string',
          '.properties[kind].type: Invalid value: "integer": must be string',
          '.properties[metadata].type: Invalid value: "string": must be object']),
        ({**an_object(), "default": {}, "$schema": "x"},
         [": Invalid value: \"\": OpenAPIV3Schema 'schema' is not supported"]),
        ({**an_object(), "$schema": "x", "id": "y"},
         [".id: Forbidden: id is not supported"]),
        (an_object(kind={**STRING, "default": "K"}),
         [".properties[kind].default: Forbidden: must not be set in top-level kind"]),
        (an_object(spec=an_object(kind={**STRING, "default": "K"})), []),
        ({**an_object(spec=an_object(a=STRING)), "anyOf": [an_object(
            spec={"properties": {"b": {"minLength": 1}, "a": {"items": {"minLength": 1}}}},
            status={})]},
         [".anyOf[0].type: Forbidden: must be empty to be structural",
          ".properties[spec].properties[a].items: Required value: because it is defined in "
          "schema.anyOf[0].properties[spec].properties[a].items",
          ".properties[spec].properties[b]: Required value: because it is defined in "
          "schema.anyOf[0].properties[spec].properties[b]",
          ".properties[status]: Required value: because it is defined in "
          "schema.anyOf[0].properties[status]"]),
        ({**an_object(), "not": {"properties": {"metadata": {}}}},
         [".not.properties[metadata]: Forbidden: must not be specified in a nested context",
          ".properties[metadata]: Required value: because it is defined in "
          "schema.not.properties[metadata]"]),
    ],
)  # fmt: skip
def test_of_the_whole_schema(props: Props, errors: list[str]) -> None:
    assert problems(props) == errors


@pytest.mark.parametrize(
    ("props", "errors"),
    [
        ({}, [".type: Required value: must not be empty for specified object fields"]),
        ({"type": "array"}, [".items: Required value: must be specified"]),
        (an_array({}),
         [".items.type: Required value: must not be empty for specified array items"]),
        ({"type": "text"},
         ['.type: Unsupported value: "text": supported values: "array", "boolean", "integer", '
          '"number", "object", "string"']),
        ({"type": "null"},
         ['.type: Unsupported value: "null": supported values: "array", "boolean", "integer", '
          '"number", "object", "string"',
          ".type: Forbidden: type cannot be set to null, use nullable as an alternative"]),
        ({"type": "object", "properties": {"a": STRING}, "additionalProperties": STRING},
         [".additionalProperties: Forbidden: additionalProperties and properties are mutual "
          "exclusive"]),
        ({"type": "object", "properties": {"a": STRING}, "additionalProperties": False},
         [".additionalProperties: Forbidden: additionalProperties and properties are mutual "
          "exclusive"]),
        ({"type": "object", "properties": {"a": STRING}, "additionalProperties": True}, []),
        (an_array(STRING, uniqueItems=True), [f".uniqueItems: {UNIQUE}"]),
        ({"type": "array", "items": [STRING]},
         [".items: Forbidden: items must be a schema object and not an array"]),
        ({**STRING, "$ref": "#/x", "definitions": {"d": {"uniqueItems": True}},
          "patternProperties": {"p": {}}, "additionalItems": False, "dependencies": {"d": ["a"]}},
         [".additionalItems: Forbidden: additionalItems is not supported",
          ".patternProperties: Forbidden: patternProperties is not supported",
          ".definitions: Forbidden: definitions is not supported",
          ".dependencies: Forbidden: dependencies is not supported",
          ".$ref: Forbidden: $ref is not supported",
          f".definitions[d].uniqueItems: {UNIQUE}"]),
        ({**STRING, "pattern": "["},
         ['.pattern: Invalid value: "[": must be a valid regular expression, but isn\'t: error '
          "parsing regexp: missing closing ]: `[`"]),
        ({"type": "object", PRESERVE: False},
         [f".{PRESERVE}: Invalid value: false: must be true or undefined"]),
        # Integers or strings.
        ({INT_OR_STRING: True}, []),
        ({INT_OR_STRING: True, "anyOf": ANY_OF}, []),
        ({INT_OR_STRING: True, "allOf": [{"anyOf": ANY_OF}, {"pattern": "x"}]}, []),
        ({INT_OR_STRING: True, "anyOf": [STRING, INTEGER]},
         [".anyOf[0].type: Forbidden: must be empty to be structural",
          ".anyOf[1].type: Forbidden: must be empty to be structural"]),
        ({INT_OR_STRING: True, "allOf": [{"pattern": "x"}, {"anyOf": ANY_OF}]},
         [".allOf[1].anyOf[0].type: Forbidden: must be empty to be structural",
          ".allOf[1].anyOf[1].type: Forbidden: must be empty to be structural"]),
        ({INT_OR_STRING: True, PRESERVE: True, EMBEDDED: True},
         [".type: Required value: must be object if x-kubernetes-embedded-resource is true",
          f".{EMBEDDED}: Invalid value: true: must be false if {INT_OR_STRING} is true",
          f".{PRESERVE}: Invalid value: true: must be false if {INT_OR_STRING} is true"]),
        # Embedded objects.
        ({**an_object(a=STRING), EMBEDDED: True}, []),
        ({**OPEN, EMBEDDED: True}, []),
        ({"type": "object", EMBEDDED: True},
         [f".properties: Required value: must not be empty if {EMBEDDED} is true without "
          f"{PRESERVE}"]),
        ({**STRING, PRESERVE: True, EMBEDDED: True},
         ['.type: Invalid value: "string": must be object if x-kubernetes-embedded-resource is '
          "true"]),
        ({**a_map(STRING), PRESERVE: True, EMBEDDED: True},
         [f".additionalProperties: Forbidden: must not be used if {EMBEDDED} is set"]),
        ({**an_object(metadata=an_object(a={**OPEN, EMBEDDED: True})), EMBEDDED: True},
         [f".properties[metadata].properties[a].{EMBEDDED}: Forbidden: must not be used inside of "
          "resource meta"]),
        ({**an_object(metadata=an_object(labels=a_map({**STRING, "default": "x"}))),
          EMBEDDED: True},
         [".properties[metadata].properties[labels].additionalProperties.default: Forbidden: must "
          "not be set inside additionalProperties applying to object metadata"]),
        # Below junctors.
        ({**STRING, "allOf": [{"description": "d", "title": "t", "nullable": True, "default": 1,
                               "additionalProperties": {}, PRESERVE: True, EMBEDDED: True,
                               INT_OR_STRING: True, LIST_TYPE: "set", MAP_TYPE: "atomic",
                               KEYS: ["k"], RULES: [{"rule": "true"}]}]},
         [*sorted([
             ".allOf[0].additionalProperties: Forbidden: must be undefined to be structural",
             ".allOf[0].default: Forbidden: must be undefined to be structural",
             ".allOf[0].description: Forbidden: must be empty to be structural",
             ".allOf[0].nullable: Forbidden: must be false to be structural",
             ".allOf[0].title: Forbidden: must be empty to be structural",
             f".allOf[0].{EMBEDDED}: Forbidden: must be false to be structural",
             f".allOf[0].{INT_OR_STRING}: Forbidden: must be false to be structural",
             f".allOf[0].{KEYS}: Forbidden: must be empty to be structural",
             f".allOf[0].{LIST_TYPE}: Forbidden: must be undefined to be structural",
             f".allOf[0].{MAP_TYPE}: Forbidden: must be undefined to be structural",
             f".allOf[0].{PRESERVE}: Forbidden: must be false to be structural",
             f".allOf[0].{RULES}: Forbidden: must be empty to be structural",
         ]),
          f".allOf[0].type: Required value: must be object if {MAP_TYPE} is specified",
          f".allOf[0].type: Required value: must be array if {LIST_TYPE} is specified",
          f'.allOf[0].{LIST_TYPE}: Invalid value: "set": must be map if {KEYS} is non-empty']),
        # Types of lists and maps.
        (an_array(STRING, **{LIST_TYPE: "set"}), []),
        (an_array(STRING, **{LIST_TYPE: "bag"}),
         [f'.{LIST_TYPE}: Unsupported value: "bag": supported values: "atomic", "set", "map"']),
        ({**STRING, LIST_TYPE: "set", MAP_TYPE: "loose"},
         [f'.type: Invalid value: "string": must be object if {MAP_TYPE} is specified',
          f'.{MAP_TYPE}: Unsupported value: "loose": supported values: "atomic", "granular"',
          f'.type: Invalid value: "string": must be array if {LIST_TYPE} is specified']),
        (an_array(an_object(a=STRING), **{LIST_TYPE: "set"}),
         [f".items.{MAP_TYPE}: Invalid value: null: must be atomic as item of a list with "
          f"{LIST_TYPE}=set"]),
        (an_array({**an_object(a=STRING), MAP_TYPE: "atomic"}, **{LIST_TYPE: "set"}), []),
        (an_array(an_array(STRING, **{LIST_TYPE: "set"}), **{LIST_TYPE: "set"}),
         [f'.items.{LIST_TYPE}: Invalid value: "set": must be atomic as item of a list with '
          f"{LIST_TYPE}=set"]),
        (an_array({**STRING, "nullable": True}, **{LIST_TYPE: "set"}),
         [f".items.nullable: Forbidden: cannot be nullable when {LIST_TYPE} is set"]),
        (an_array({**an_object(k=STRING), "required": ["k"]}, **KEYED), []),
        (an_array(an_object(k={**STRING, "default": "x"}), **KEYED), []),
        (an_array(an_object(k={**STRING, "nullable": True}), **KEYED),
         [f".items.properties[k].default: Required value: this property is in {KEYS}, so it must "
          "have a default or be a required property",
          f".items.properties[k].nullable: Forbidden: this property is in {KEYS}, so it cannot be "
          "nullable"]),
        (an_array({**an_object(k=OPEN), "required": ["k"]}, **{**KEYED, KEYS: ["k", "l", "k"]}),
         [f'.items.properties[k].type: Invalid value: "object": must be a scalar type if parent '
          f"array's {LIST_TYPE} is map",
          f'.{KEYS}: Invalid value: ["k","l","k"]: entries must all be names of item properties',
          f'.items.properties[k].type: Invalid value: "object": must be a scalar type if parent '
          f"array's {LIST_TYPE} is map",
          f'.{KEYS}: Invalid value: ["k","l","k"]: must not contain duplicate entries']),
        (an_array(STRING, **{LIST_TYPE: "map"}),
         [f".{KEYS}: Required value: must not be empty if {LIST_TYPE} is map",
          f'.items.type: Invalid value: "string": must be object if parent array\'s {LIST_TYPE} is '
          "map"]),
        (an_array(STRING, **{KEYS: ["k"]}),
         [f".{LIST_TYPE}: Required value: must be map if {KEYS} is non-empty"]),
        # Declarations of rules.
        ({**an_object(a=OPEN, m=a_map(STRING)), RULES: [
            {"rule": "true", "fieldPath": ".a", "reason": "FieldValueInvalid"},
            {"rule": "true", "fieldPath": ".m['a.b']"},
            {"rule": " "},
            {"rule": "true", "message": " "},
            {"rule": "true", "message": "a\nb", "messageExpression": " "},
            {"rule": "a\nb"},
            {"rule": "true", "fieldPath": ".b"},
            {"rule": "true", "fieldPath": ".a.b"},
            {"rule": "true", "fieldPath": "a"},
            {"rule": "true", "fieldPath": ".m[a]"},
            {"rule": "true", "reason": "Never"}]},
         [f".{RULES}[2].rule: Required value: rule is not specified",
          f'.{RULES}[3].message: Invalid value: " ": must be non-empty if specified',
          f'.{RULES}[4].message: Invalid value: "a\\nb": must not contain line breaks',
          f".{RULES}[4].messageExpression: Required value: messageExpression must be non-empty if "
          "specified",
          f".{RULES}[5].message: Required value: message must be specified if rule contains line "
          "breaks",
          f'.{RULES}[6].fieldPath: Invalid value: ".b": must be a valid path',
          f'.{RULES}[7].fieldPath: Invalid value: ".a.b": must be a valid path',
          f'.{RULES}[8].fieldPath: Invalid value: "a": must be a valid path',
          f'.{RULES}[9].fieldPath: Invalid value: ".m[a]": must be a valid path',
          f'.{RULES}[10].reason: Unsupported value: "Never": supported values: '
          '"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", '
          '"FieldValueRequired"']),
    ],
)  # fmt: skip
def test_of_a_member(props: Props, errors: list[str]) -> None:
    assert problems(an_object(x=props)) == [below(error) for error in errors]


@pytest.mark.parametrize(
    ("props", "errors"),
    [
        ({**INTEGER, "default": 1}, []),
        ({**STRING, "default": "a", "enum": ["a"]}, []),
        ({**INTEGER, "default": "x"},
         ['.default: Invalid value: "string":  in body must be of type integer: "string"']),
        ({**STRING, "default": "c", "enum": ["a", "b"]},
         ['.default: Unsupported value: "c": supported values: "a", "b"']),
        ({**an_object(a=STRING), "default": {"a": 1, "b": 2}},
         ['.default: Invalid value: {"a":1,"b":2}: must not have unknown fields',
          '.default.a: Invalid value: "integer": a in body must be of type string: "integer"']),
        ({**an_array(STRING), "default": [1]},
         ['.default.[0]: Invalid value: "integer": [0] in body must be of type string: '
          '"integer"']),
        (an_array({**an_object(a={**STRING, "default": 1}), "default": {}}),
         ['.items.properties[a].default: Invalid value: "integer":  in body must be of type '
          'string: "integer"']),
        (a_map({**STRING, "default": 1}), []),
        ({**OPEN, EMBEDDED: True, "default": {"apiVersion": "v1", "kind": "K", "a": 1,
                                               "metadata": {"name": "a", "unknown": 1}}}, []),
        ({**OPEN, EMBEDDED: True, "default": {"apiVersion": "v1", "kind": 5}},
         [".default.kind: Invalid value: 5: must be a string"]),
        ({**OPEN, EMBEDDED: True, "default": {"metadata": {"labels": [1]}}},
         ['.default.metadata: Invalid value: {"labels":[1]}: json: cannot unmarshal array into Go '
          "struct field ObjectMeta.labels of type map[string]string"]),
        ({**an_object(metadata=an_object(labels={**a_map(STRING), "default": {"a": 1}})),
          EMBEDDED: True},
         ['.properties[metadata].properties[labels].default: Invalid value: {"a":1}: must result '
          'in valid metadata: metadata: Invalid value: {"labels":{"a":1}}: json: cannot unmarshal '
          "number into Go struct field ObjectMeta.labels of type string"]),
        ({**an_object(metadata=an_object(name={**STRING, "default": "n", "maxLength": 0})),
          EMBEDDED: True},
         [".properties[metadata].properties[name].default: Too long: may not be more than 0 "
          "bytes"]),
    ],
)  # fmt: skip
def test_of_a_default(props: Props, errors: list[str]) -> None:
    assert problems(an_object(x=props)) == [below(error) for error in errors]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"description": "d", "required": ["status"], PRESERVE: True}, ""),
        ({"type": "array", "items": STRING},
         '.type: Invalid value: "array": only "object" is allowed as the type at the root of '
         "the schema if the status subresource is enabled"),
        ({"enum": [1]}, 'only [Description Type Format'),
        ({"nullable": True}, 'XPreserveUnknownFields XValidations] fields are allowed at the root '
         "of the schema if the status subresource is enabled"),
        ({"oneOf": [{}]}, '"Type":"object","Nullable":false,'),
    ],
)  # fmt: skip
def test_beside_a_status(changes: Props, error: str) -> None:
    found = problems({**an_object(), **changes}, has_status=True)
    assert error in found[0] if error else found == []
    assert error not in "".join(problems({**an_object(), **changes})) if error else True
