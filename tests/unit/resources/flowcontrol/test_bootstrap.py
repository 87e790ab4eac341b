"""The mandatory and suggested flow control objects are valid."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object, name_of
from apiserver.resources.builtin.flowcontrol.bootstrap import (
    bootstrap_flow_schemas,
    bootstrap_priority_levels,
)
from tests.unit.resources.writing import Kind

EVERY = [*bootstrap_priority_levels(), *bootstrap_flow_schemas()]


@pytest.mark.parametrize("document", EVERY, ids=lambda d: f"{d['kind']} {name_of(d)}")
def test_it_is_valid_and_complete(document: Object) -> None:
    kind = Kind(document["apiVersion"], document["kind"])
    made = kind.create(document)
    assert made.errors == []
    assert made.spec == document["spec"], "nothing is left to default"


def test_every_flow_schema_has_its_priority_level() -> None:
    levels = {name_of(level) for level in bootstrap_priority_levels()}
    for schema in bootstrap_flow_schemas():
        assert schema["spec"]["priorityLevelConfiguration"]["name"] in levels
