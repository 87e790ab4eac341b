"""What clients see of the rules of schemas, and of the validation against them, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.server.gadgets import (
    DEFINITIONS,
    GADGETS,
    GROUP,
    MERGE,
    change,
    created,
    definition,
    gadget,
    named,
)
from tests.unit.server.in_process import InProcess
from tests.waiting import eventually

EXPLODING = "^(([a-z])+.)+[A-Z]([a-z])+$"


pytestmark = pytest.mark.usefixtures("gadgets")


def with_spec(**properties: Any) -> dict[str, Any]:
    """Return the definition with other members of the spec."""
    crd = definition(selectableFields=[])
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"]["properties"] = properties
    return crd


async def test_a_schema_must_be_structural(api: InProcess) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {}, "b": {"type": "integer", "default": "x", "pattern": "("}},
        "anyOf": [{}],
    }
    beside = {"schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
    lamps = named("lamps", "Lamp", {"name": "v1", "storage": True, **beside})
    refused = await api.ask("POST", DEFINITIONS, lamps)
    assert refused.status == 422
    found = [(cause["field"], cause["reason"]) for cause in refused.body["details"]["causes"]]
    path = "spec.validation.openAPIV3Schema"
    assert found == [
        (path, "FieldValueInvalid"),
        (f"{path}.properties[a].type", "FieldValueRequired"),
        (f"{path}.properties[b].pattern", "FieldValueInvalid"),
    ]
    assert (await api.ask("GET", f"{DEFINITIONS}/lamps.{GROUP}")).status == 404


async def test_an_embedded_object_with_malformed_metadata_is_named(api: InProcess) -> None:
    template = {"apiVersion": "v1", "kind": "Thing", "metadata": {"labels": {"a": [1]}}}
    refused = await api.ask("POST", GADGETS, gadget(spec={"template": template}))
    assert (refused.status, refused.message) == (
        400,
        'Gadget in version "v1" cannot be handled as a Gadget: spec.template.metadata: Invalid '
        'value: {"labels":{"a":[1]}}: json: cannot unmarshal array into Go struct field '
        "ObjectMeta.labels of type string",
    )


async def test_what_a_new_schema_forbids_may_stay(api: InProcess) -> None:
    await created(api, color="red", size=9)
    short = {"type": "string", "maxLength": 2}
    await change(api, with_spec(color=short, size={"type": "integer", "maximum": 5}))
    path = f"{GADGETS}/a"

    async def is_strict() -> bool:
        return (await api.ask("POST", GADGETS, gadget("b", spec={"color": "red"}))).status == 422

    await eventually(is_strict)
    kept = await api.ask("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, MERGE)
    assert kept.status == 200, kept.body
    refused = await api.ask("PATCH", path, {"spec": {"color": "blue", "size": 4}}, MERGE)
    assert (refused.status, refused.message) == (
        422,
        f'Gadget.{GROUP} "a" is invalid: spec.color: Too long: may not be more than 2 bytes',
    )
    mended = await api.ask("PATCH", path, {"spec": {"size": 4}}, MERGE)
    assert mended.body["spec"] == {"color": "red", "size": 4}


async def test_no_pattern_takes_long(api: InProcess) -> None:
    await change(api, with_spec(color={"type": "string", "pattern": EXPLODING}))
    color = "a" * 30_000

    async def is_refused() -> bool:
        return (await api.ask("POST", GADGETS, gadget(spec={"color": color}))).status == 422

    await eventually(is_refused)
