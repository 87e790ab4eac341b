"""Lists of a document that are sets or maps: compared and concatenated as such."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.cel.adapters import adapter
from apiserver.cel.compilation import Environment
from apiserver.cel.descriptors import SchemaTypes
from tests.unit.schema.structurals import STRING, Props, an_array, schema_of

INTEGER: Props = {"type": "integer"}
DURATION: Props = {"type": "string", "format": "duration"}
PORTS: Props = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name", "for"],
    "items": {"type": "object", "properties": {"name": STRING, "for": STRING, "port": INTEGER}},
}


def a_set(items: Props) -> Props:
    return {**an_array(items), "x-kubernetes-list-type": "set"}


SCHEMA = schema_of(
    set=a_set(STRING),
    same=a_set(STRING),
    other=a_set(STRING),
    numbers=a_set(INTEGER),
    times=a_set(DURATION),
    pairs=a_set(
        {"type": "object", "additionalProperties": INTEGER, "x-kubernetes-map-type": "atomic"}
    ),
    plain=an_array(STRING),
    ports=PORTS,
)
OLD: dict[str, Any] = {
    "set": ["a", "b"],
    "same": ["b", "a"],
    "other": ["b", "c"],
    "numbers": [1, 2],
    "times": ["60s", "1s"],
    "pairs": [{"a": 1, "b": 2}, {"c": 3}],
    "plain": ["a", "b"],
    "ports": [{"name": "x", "for": "y", "port": 1}, {"name": "x", "for": "z", "port": 2}],
}
VALUE = {
    **OLD,
    "plain": ["b", "a"],
    "times": ["1s", "1m"],
    "pairs": [{"c": 3}, {"b": 2, "a": 1}],
    "ports": [{"name": "x", "for": "z", "port": 3}, {"name": "w", "port": 4}],
}
TYPES = SchemaTypes(SCHEMA)
TYPE = TYPES.name_of(SCHEMA)
ENVIRONMENT = Environment(TYPES, {"self": TYPE, "oldSelf": TYPE})

TRUE = """
self.set == self.same && self.set == ['b', 'a'] && !(self.set != self.same)
['b', 'a'] != self.set && self.set != self.other && self.set != ['a'] && self.set != ['a', 'a', 'b']
self.plain != oldSelf.plain && self.plain == self.same && self.same == oldSelf.plain
self.pairs == oldSelf.pairs && (self.pairs + oldSelf.pairs).size() == 2
self.times == oldSelf.times && self.times[0] == duration('1s')
self.numbers == [2, 1] && dyn(self.numbers) != [2.0, 1.0]
['a', 'b', 'c'] == self.set + self.other && self.plain + self.same == ['b', 'a', 'b', 'a']
(self.set + self.other) == ['c', 'b', 'a'] && self.set + [] == self.set
self.ports != oldSelf.ports && oldSelf.ports == [oldSelf.ports[1], oldSelf.ports[0]]
(oldSelf.ports + self.ports).map(p, p.port) == [1, 3, 4]
(self.ports + oldSelf.ports).map(p, p.port) == [2, 4, 1]
self.ports + oldSelf.ports == oldSelf.ports + [self.ports[1]]
{'x': self.set} == {'x': ['b', 'a']} && [self.set] == [self.same]
self.set.map(x, x) != ['b', 'a'] && self.set.filter(x, true) == ['a', 'b']
type(self.set) == list && self.set.size() == 2 && 'a' in self.set && self.set.exists(x, x == 'b')
self.set.isSorted() && self.set.join() == 'ab' && sets.contains(self.set, ['b'])
"""


@pytest.mark.parametrize("source", TRUE.strip().splitlines())
def test_an_expression_is_true(source: str) -> None:
    adapt = adapter(SCHEMA)
    assert adapt is not None
    variables = {"self": adapt(VALUE), "oldSelf": adapt(OLD)}
    assert ENVIRONMENT.compile(source).evaluate(variables)[0] is True
