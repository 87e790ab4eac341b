"""Items that must be unique."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.schema.listtypes import list_type_problems, list_type_problems_of_update
from tests.unit.schema.structurals import INTEGER, STRING, a_map, an_array, an_object, schema_of

SET = {"x-kubernetes-list-type": "set"}
BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
BY_BOTH = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "port"]}
ITEM = an_object(name=STRING, port=INTEGER, tags=an_array(STRING, **SET))
SCHEMA = schema_of(
    tags=an_array(STRING, **SET),
    any=an_array({"x-kubernetes-preserve-unknown-fields": True}, **SET),
    ports=an_array(ITEM, **BY_NAME),
    both=an_array(ITEM, **BY_BOTH),
    plain=an_array(STRING),
    map=a_map(an_array(STRING, **SET)),
    inner=an_object(tags=an_array(STRING, **SET)),
)


@pytest.mark.parametrize(
    ("document", "messages"),
    [
        ({"tags": ["a", "b"], "plain": ["a", "a"], "ports": [{"name": "a"}]}, []),
        ({"tags": ["a", "b", "a", "a"]}, ['tags[2]: Duplicate value: "a"']),
        ({"any": [1, "1", True, None, 1.5]}, []),
        ({"any": [{"a": 1, "b": 2}, {"b": 2, "a": 1}]},
         ['any[1]: Duplicate value: {"a":1,"b":2}']),
        ({"any": [1, 1, None, None]},
         ["any[1]: Duplicate value: 1", "any[3]: Duplicate value: null"]),
        ({"ports": [{"name": "a", "port": 1}, {"name": "a", "port": 2}, {"name": "a"}]},
         ['ports[1]: Duplicate value: {"name":"a"}']),
        ({"ports": [{}, None]}, ["ports[1]: Duplicate value: {}"]),
        ({"ports": [{"name": None}, {}]}, []),
        ({"ports": [{"name": "a"}, "x", {"name": "a"}]},
         ['ports[1]: Invalid value: "x": must be an object for an array of list-type map']),
        ({"ports": ["x"]},
         ['ports[0]: Invalid value: "x": must be an object for an array of list-type map']),
        ({"both": [{"name": "a", "port": 1}, {"name": "a", "port": 2}, {"port": 2, "name": "a"}]},
         ['both[2]: Duplicate value: {"name":"a","port":2}']),
        ({"ports": [{"name": "a", "tags": ["x", "x"]}]},
         ['ports[0].tags[1]: Duplicate value: "x"']),
        ({"map": {"k": ["x", "x"]}}, ['map[k][1]: Duplicate value: "x"']),
        ({"inner": {"tags": ["x", "x"]}}, ['inner.tags[1]: Duplicate value: "x"']),
        ({"tags": {"a": 1}, "map": "x", "inner": [1]}, []),
    ],
)  # fmt: skip
def test_the_second_of_equal_items_is_reported(
    document: dict[str, Any], messages: list[str]
) -> None:
    assert [str(problem) for problem in list_type_problems(document, SCHEMA)] == messages


def test_duplicates_may_stay_in_an_object_that_has_some() -> None:
    single, twice = {"tags": ["a"]}, {"tags": ["a", "a"]}
    assert list_type_problems_of_update(twice, {"map": {"k": ["x", "x"]}}, SCHEMA) == []
    assert len(list_type_problems_of_update(twice, single, SCHEMA)) == 1
    assert list_type_problems_of_update(single, twice, SCHEMA) == []
