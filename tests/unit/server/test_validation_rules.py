"""Rules of custom kinds over HTTP: which a definition may have, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.schema.structurals import INTEGER, STRING, Props, an_array, an_object
from tests.unit.server.gadgets import DEFINITIONS, GADGETS, MERGE, define, gadget, named
from tests.unit.server.in_process import Answer, InProcess

RULES = "x-kubernetes-validations"
SPEC = "spec.validation.openAPIV3Schema.properties[spec]"
ADVICE = (
    "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, "
    "maps, and strings are declared)"
)
NOT_CHECKED = (
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def ruled(schema: Props, *rules: str | dict[str, Any]) -> Props:
    return {**schema, RULES: [{"rule": rule} if isinstance(rule, str) else rule for rule in rules]}


def with_spec(spec: Props, *rules: str | dict[str, Any]) -> dict[str, Any]:
    schema = ruled(an_object(spec=spec), *rules) if rules else an_object(spec=spec)
    version = {"name": "v1", "storage": True, "schema": {"openAPIV3Schema": schema}}
    return named("gadgets", "Gadget", version)


def causes(answer: Answer) -> list[tuple[str, str]]:
    assert answer.status == 422, answer.body
    return sorted((each["field"], each["message"]) for each in answer.body["details"]["causes"])


async def refused(api: InProcess, spec: Props) -> list[tuple[str, str]]:
    answer = await api.ask("POST", DEFINITIONS, with_spec(spec))
    return [
        (field.removeprefix(SPEC), message.partition("}: ")[2] or message)
        for field, message in causes(answer)
    ]


SIZED = an_object(size=INTEGER, tags=an_array(STRING))
WITHIN = "oldSelf cannot be used on the uncorrelatable portion of the schema within"
TOO_COSTLY = f"exceeds budget by factor of more than 100x {ADVICE}"


@pytest.mark.parametrize(
    ("spec", "errors"),
    [
        (
            ruled(SIZED, "self.width > 1", "self.size", "self.size > 'x'"),
            [
                (
                    f".{RULES}[0].rule",
                    "compilation failed: ERROR: <input>:1:5: undefined field 'width'\n"
                    " | self.width > 1\n | ....^",
                ),
                (f".{RULES}[1].rule", "cel expression must evaluate to a bool"),
                (
                    f".{RULES}[2].rule",
                    "compilation failed: ERROR: <input>:1:11: found no matching overload for "
                    "'_>_' applied to '(int, string)'\n | self.size > 'x'\n | ..........^",
                ),
            ],
        ),
        (
            ruled(SIZED, {"rule": "self.size > 0", "messageExpression": "self.size"}),
            [(f".{RULES}[0].messageExpression", "messageExpression must evaluate to a string")],
        ),
        (
            ruled(SIZED, {"rule": "self.size > 0", "optionalOldSelf": True}),
            [
                (
                    f".{RULES}[0].optionalOldSelf",
                    "Invalid value: true: may not be set if oldSelf is not used in rule",
                )
            ],
        ),
        (
            ruled(SIZED, {"rule": "width", "optionalOldSelf": True}),
            [
                (
                    f".{RULES}[0].optionalOldSelf",
                    "Invalid value: true: may not be set if oldSelf is not used in rule",
                ),
                (
                    f".{RULES}[0].rule",
                    "compilation failed: ERROR: <input>:1:1: undeclared reference to 'width' "
                    "(in container '')\n | width\n | ^",
                ),
            ],
        ),
        # The rules are looked at once the structure and the defaults are right.
        (
            an_object(a={}, b=ruled(STRING, "nothing")),
            [
                (
                    ".properties[a].type",
                    "Required value: must not be empty for specified object fields",
                )
            ],
        ),
        (
            an_object(a={**STRING, "default": 1}, b=ruled(STRING, "nothing")),
            [
                (
                    ".properties[a].default",
                    'Invalid value: "integer":  in body must be of type string: "integer"',
                )
            ],
        ),
        (
            an_object(
                a={**ruled(INTEGER, "self > 5"), "default": 5},
                b={**ruled(SIZED, "has(self.size)"), "default": {}},
                c={**ruled(INTEGER, "oldSelf == self"), "default": 5},
                d={
                    **ruled(
                        INTEGER, {"rule": "oldSelf.hasValue() || self > 5", "optionalOldSelf": True}
                    ),
                    "default": 5,
                },
                e={**an_array(ruled(STRING, "self != 'a'"), maxItems=2), "default": ["b", "a"]},
                f={**ruled(INTEGER, "self.size"), "default": 5},
            ),
            [
                (".properties[a].default", "Invalid value: 5: failed rule: self > 5"),
                (".properties[b].default", "Invalid value: failed rule: has(self.size)"),
                (
                    ".properties[d].default",
                    "Invalid value: 5: failed rule: oldSelf.hasValue() || self > 5",
                ),
                (".properties[e].default[1]", "Invalid value: \"a\": failed rule: self != 'a'"),
                (
                    ".properties[f].default",
                    'Invalid value: "integer": rule compile error: compilation failed: ERROR: '
                    "<input>:1:5: type 'int' does not support field selection\n"
                    " | self.size\n | ....^",
                ),
            ],
        ),
        (
            an_object(
                tags=an_array(
                    ruled({"type": "string", "maxLength": 10}, "self != ''"), maxItems=6_000_000
                )
            ),
            [
                (
                    f".properties[tags].items.{RULES}[0].rule",
                    "Forbidden: estimated rule cost exceeds budget by factor of 1.200000x "
                    f"{ADVICE}",
                )
            ],
        ),
        (
            an_object(tags=an_array(ruled(STRING, "self == oldSelf"), maxItems=2)),
            [
                (
                    f".properties[tags].items.{RULES}[0].rule",
                    f'Invalid value: "self == oldSelf": {WITHIN} {SPEC}.properties[tags]',
                )
            ],
        ),
        (
            an_object(
                tags=an_array(
                    ruled({"type": "string", "maxLength": 10}, "self != ''"), maxItems=20_000_000
                )
            ),
            [
                (
                    f".properties[tags].items.{RULES}[0].rule",
                    f"Forbidden: estimated rule cost exceeds budget by factor of 4.0x {ADVICE}",
                )
            ],
        ),
        (
            ruled(an_object(tags=an_array(STRING)), "self.tags.all(a, self.tags.all(b, a == b))"),
            [
                (
                    "spec.validation.openAPIV3Schema",
                    "Forbidden: x-kubernetes-validations estimated rule cost total for entire "
                    f"OpenAPIv3 schema {TOO_COSTLY}",
                ),
                (
                    f".{RULES}[0].rule",
                    "Forbidden: contributed to estimated rule cost total exceeding cost limit for "
                    "entire OpenAPIv3 schema",
                ),
                (f".{RULES}[0].rule", f"Forbidden: estimated rule cost {TOO_COSTLY}"),
            ],
        ),
    ],
)
async def test_a_definition_with_wrong_rules_is_refused(
    api: InProcess, spec: Props, errors: list[tuple[str, str]]
) -> None:
    assert await refused(api, spec) == errors


PORT = an_object(name=STRING, number=ruled(INTEGER, "self == oldSelf"))
RULED = ruled(
    an_object(
        low=INTEGER,
        high=INTEGER,
        mode=ruled(STRING, {"rule": "self == oldSelf", "message": "mode is immutable"}),
        state=ruled(
            STRING,
            {
                "rule": "!oldSelf.hasValue() || oldSelf.value() != 'done'",
                "optionalOldSelf": True,
                "messageExpression": "'cannot leave %s'.format([oldSelf.value()])",
            },
        ),
        notes=an_array(ruled({"type": "string", "maxLength": 9}, "self != 'no'"), maxItems=5),
        ports=an_array(PORT, **{"x-kubernetes-list-type": "map",
                                "x-kubernetes-list-map-keys": ["name"], "maxItems": 9}),
    ),
    {"rule": "!has(self.low) || self.low <= self.high", "fieldPath": ".low",
     "reason": "FieldValueForbidden", "messageExpression": "'above %d'.format([self.high])"},
)  # fmt: skip
RULED["properties"]["ports"]["items"]["required"] = ["name"]


@pytest.fixture
async def gadgets(api: InProcess) -> InProcess:
    await define(api, with_spec(RULED, "self.metadata.name != 'forbidden'"))
    return api


@pytest.mark.parametrize(
    ("name", "spec", "errors"),
    [
        ("a", {"low": 3, "high": 2}, [("spec.low", "Forbidden: above 2")]),
        (
            "a",
            {"low": 3},
            [
                (
                    "spec",
                    'Invalid value: "object": no such key: high evaluating rule: '
                    "!has(self.low) || self.low <= self.high",
                )
            ],
        ),
        (
            "a",
            {"notes": ["a", "no"]},
            [("spec.notes[1]", "Invalid value: \"no\": failed rule: self != 'no'")],
        ),
        (
            "forbidden",
            {},
            [("<nil>", "Invalid value: failed rule: self.metadata.name != 'forbidden'")],
        ),
        (
            "a",
            {"low": "x"},
            [
                ("<nil>", NOT_CHECKED),
                (
                    "spec.low",
                    'Invalid value: "string": spec.low in body must be of type integer: "string"',
                ),
            ],
        ),
    ],
)
async def test_rules_refuse_a_new_object(
    gadgets: InProcess, name: str, spec: Any, errors: list[tuple[str, str]]
) -> None:
    assert causes(await gadgets.ask("POST", GADGETS, gadget(name, spec=spec))) == errors


async def test_rules_compare_with_the_old_object(gadgets: InProcess) -> None:
    ports = [{"name": "a", "number": 1}, {"name": "b", "number": 2}]
    spec = {"mode": "x", "state": "done", "ports": ports}
    assert (await gadgets.ask("POST", GADGETS, gadget(spec=spec))).status == 201
    moved = [{"name": "b", "number": 3}, {"name": "c", "number": 9}, {"name": "a", "number": 1}]
    change = {"spec": {"mode": "y", "state": "new", "ports": moved}}
    answer = await gadgets.ask("PATCH", f"{GADGETS}/a", change, media_type=MERGE)
    assert causes(answer) == [
        ("spec.mode", 'Invalid value: "y": mode is immutable'),
        ("spec.ports[0].number", "Invalid value: 3: failed rule: self == oldSelf"),
        ("spec.state", 'Invalid value: "new": cannot leave done'),
    ]


async def test_what_an_update_leaves_alone_is_not_refused_by_a_new_rule(api: InProcess) -> None:
    await define(api, with_spec(an_object(a=STRING, b=STRING)))
    created = await api.ask("POST", GADGETS, gadget(spec={"a": "no", "b": "x"}))
    assert created.status == 201
    path = f"{DEFINITIONS}/gadgets.things.example.com"
    ruled_a = an_object(a=ruled(STRING, "self != 'no'"), b=ruled(STRING, "self != 'no'"))
    schema = {"openAPIV3Schema": an_object(spec=ruled_a)}
    stored = (await api.ask("GET", path)).body
    stored["spec"]["versions"][0]["schema"] = schema
    assert (await api.ask("PUT", path, stored)).status == 200

    async def patch(spec: Any) -> Answer:
        return await api.ask("PATCH", f"{GADGETS}/a", {"spec": spec}, media_type=MERGE)

    assert (await patch({"b": "y"})).status == 200
    assert causes(await patch({"b": "no"})) == [
        ("spec.b", "Invalid value: \"no\": failed rule: self != 'no'")
    ]


async def test_a_rule_that_runs_long_is_ended(api: InProcess) -> None:
    item = {"type": "string", "maxLength": 3}
    spec = an_object(tags=an_array(item, maxItems=800))
    rule = "self.tags.all(a, self.tags.all(b, a <= b || a > b))"
    await define(api, with_spec(ruled(spec, rule)))
    tags = [f"{index:03d}" for index in range(800)]
    answer = await api.ask("POST", GADGETS, gadget(spec={"tags": tags}))
    detail = (
        "'operation cancelled: actual cost limit exceeded': no further validation rules will be "
        f"run due to call cost exceeds limit for rule: {rule}"
    )
    assert causes(answer) == [("spec", f'Invalid value: "object": {detail}')]
