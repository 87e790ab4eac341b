"""The maximum cost of an expression, estimated before it runs, as in cel-go.

A loop costs what its body costs, as often as its range can have items. Sizes come from the schema.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from apiserver.cel.functioncosts import CHECK_COST, LIST_COST, MAP_COST, MESSAGE_COST
from apiserver.cel.sizes import REQUEST_SIZE, UNKNOWN, max_elements
from apiserver.cel.syntaxtree import (
    Call,
    Comprehension,
    ListOf,
    Literal,
    MapOf,
    Name,
    Node,
    Select,
)
from apiserver.machinery.valueclasses import valueclass
from apiserver.schema.structural import Schema

_TENTH: Final = 0.1
_LOGICAL: Final = frozenset(["_&&_", "_||_"])
_COMPARISONS: Final = frozenset(["_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"])
_WHOLE: Final = frozenset([
    "string", "bytes", "lowerAscii", "upperAscii", "replace", "split", "substring", "trim", "join",
    "strings.quote", "quantity", "isQuantity", "url", "isURL", "ip", "isIP", "ip.isCanonical",
    "cidr", "isCIDR", "semver", "isSemver", "validate", "charAt", "format",
])  # fmt: skip
_LISTS: Final = frozenset(["isSorted", "sum", "min", "max", "indexOf", "lastIndexOf"])
_NUMBERS: Final = frozenset(["add_int64", "add_uint64", "add_double"])
#: Functions that make a list of another one.
_ALLOCATING: Final = frozenset([
    "slice", "flatten", "reverse", "lists.range", "distinct", "sort",
    "@sortByAssociatedKeys",
])  # fmt: skip
_SETS: Final = frozenset(["sets.contains", "sets.equivalent", "sets.intersects"])


@valueclass
class _Estimate:
    """What a node costs at most, how large its value can be, and the schema of that."""

    cost: int
    size: int = 1
    schema: Schema | None = None
    #: The largest item of a list that no schema describes.
    item: _Estimate | None = None


def estimate_cost(
    tree: Node, variables: Mapping[str, Schema], *, key_size: int = REQUEST_SIZE - 2
) -> int:
    """Return the highest cost of an expression.

    ``variables`` are the schemas of variables, ``key_size`` is the largest size of a key of a map.
    """
    known = {name: _of_schema(schema, 0) for name, schema in variables.items()}
    return _Estimator(known, key_size).estimate(tree).cost


def saturated(cost: float) -> int:
    """Return a cost, limited to the largest unsigned 64-bit number."""
    return UNKNOWN if cost >= UNKNOWN else int(cost)


def _of_schema(schema: Schema | None, cost: int) -> _Estimate:
    if schema is None:
        return _Estimate(cost, UNKNOWN)
    return _Estimate(cost, max_elements(schema), schema)


def _item(estimate: _Estimate, key_size: int = REQUEST_SIZE - 2) -> _Estimate:
    schema = estimate.schema
    if schema is None:
        return _Estimate(0, UNKNOWN) if estimate.item is None else estimate.item
    if schema.items is not None:
        return _of_schema(schema.items, 0)
    # The keys of a map.
    return _Estimate(0, key_size)


def _value(estimate: _Estimate) -> _Estimate:
    assert estimate.schema is not None
    return _of_schema(estimate.schema.values, 0)


class _Estimator:
    def __init__(self, variables: dict[str, _Estimate], key_size: int) -> None:
        self._variables = variables
        self._key_size = key_size

    def estimate(self, node: Node) -> _Estimate:
        match node:
            case Literal(value):
                return _Estimate(0, len(value) if isinstance(value, str | bytes) else 1)
            case Name(name):
                found = self._variables.get(name, _Estimate(0, UNKNOWN))
                return _Estimate(1, found.size, found.schema, found.item)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListOf(items):
                parts = [self.estimate(item) for item in items]
                largest = max(parts, key=lambda part: part.size, default=None)
                cost = LIST_COST + sum(part.cost for part in parts)
                return _Estimate(saturated(cost), len(items), item=largest)
            case MapOf():
                parts = [
                    self.estimate(each) for key, value, _ in node.entries for each in (key, value)
                ]
                base = MESSAGE_COST if node.message else MAP_COST
                return _Estimate(
                    saturated(base + sum(part.cost for part in parts)), len(node.entries)
                )
            case Comprehension():
                return self._loop(node)

    def _select(self, node: Select) -> _Estimate:
        operand = self.estimate(node.operand)
        if node.test_only:
            # The test itself costs nothing.
            return _Estimate(operand.cost)
        cost = saturated(operand.cost + 1)
        schema = None if operand.schema is None else operand.schema.member(_plain(node.field))
        return _of_schema(schema, cost)

    def _loop(self, node: Comprehension) -> _Estimate:
        values = self.estimate(node.range)
        initial = self.estimate(node.initial)
        names = (node.variable, node.second, node.result_variable)
        outer = {name: self._variables.get(name) for name in names}
        self._variables[node.variable] = _item(values, self._key_size)
        if node.second:
            is_map = values.schema is not None and values.schema.items is None
            self._variables[node.second] = _value(values) if is_map else _item(values)
            if not is_map:
                self._variables[node.variable] = _Estimate(0)
        self._variables[node.result_variable] = _Estimate(
            0,
            values.size if isinstance(node.initial, ListOf) else initial.size,
            initial.schema,
            initial.item,
        )
        body = self.estimate(node.condition).cost + (step := self.estimate(node.step)).cost
        result = self.estimate(node.result)
        for name, known in outer.items():
            if known is None:
                self._variables.pop(name, None)
            else:
                self._variables[name] = known
        cost = values.cost + initial.cost + values.size * body + result.cost
        return _Estimate(saturated(cost), result.size, result.schema, step.item)

    def _call(self, node: Call) -> _Estimate:
        parts = [self.estimate(argument) for argument in node.arguments]
        costs = [part.cost for part in parts]
        if node.function in _LOGICAL:
            return _Estimate(saturated(sum(costs)))
        if node.function == "_?_:_":
            chosen = max(parts[1:], key=lambda part: part.size)
            cost = costs[0] + max(costs[1:])
            return _Estimate(saturated(cost), chosen.size, chosen.schema, chosen.item)
        if node.function in _ALLOCATING:
            return _allocating(node, parts, sum(costs))
        is_sum = node.function == "_+_" and _NUMBERS.issuperset(node.overloads)
        cost = saturated(sum(costs) + (1 if is_sum else _call_cost(node.function, parts)))
        return _result(node, parts, cost)


def _allocating(node: Call, parts: list[_Estimate], cost: int) -> _Estimate:
    """Return the estimate of a list that is made of another one."""
    size, factor = parts[0].size, 1.0
    if node.function == "slice":
        size = max(0, _given(node, 2, size) - _given(node, 1, 0))
    elif node.function == "flatten":
        factor = _given(node, 1, 1)
    elif node.function == "lists.range":
        size = _given(node, 0, UNKNOWN)
    elif node.function in ("distinct", "sort", "@sortByAssociatedKeys"):
        compares_text = node.function != "distinct" and _is_of_text(node)
        size, factor = saturated(size * size), 2.1 if compares_text else 2.0
    item = None if node.function == "lists.range" else _item(parts[0])
    return _Estimate(saturated(cost + size * factor + 1 + LIST_COST), size, item=item)


def _given(node: Call, index: int, otherwise: int) -> int:
    """Return the value of an argument that is a literal."""
    if index >= len(node.arguments):
        return otherwise
    argument = node.arguments[index]
    unknown = UNKNOWN if node.function == "flatten" else otherwise
    return max(0, int(argument.value)) if isinstance(argument, Literal) else unknown


def _is_of_text(node: Call) -> bool:
    return any("string" in overload or "bytes" in overload for overload in node.overloads)


def _plain(name: str) -> str:
    return name[2:-2] if name.startswith("__") and name.endswith("__") else name


def _tenth(size: int) -> int:
    return math.ceil(size * _TENTH) if size < UNKNOWN else UNKNOWN


def _call_cost(function: str, parts: list[_Estimate]) -> int:
    sizes = [part.size for part in parts]
    if function in _COMPARISONS:
        return max(1, _tenth(min(sizes)))
    if function == "_+_" and max(sizes) > 1:
        return max(1, _tenth(sum(sizes)))
    if function == "@in":
        container = parts[1].schema
        is_map = container is not None and container.type == "object"
        return 1 if is_map else sizes[1]
    if function == "contains":
        return max(1, _tenth(sizes[0])) * max(1, _tenth(sizes[1]))
    if function in ("startsWith", "endsWith"):
        return max(1, _tenth(sizes[1]))
    if function in ("matches", "find", "findAll"):
        return max(1, _tenth(sizes[0] + 1)) * max(1, math.ceil(sizes[1] / 4))
    if function in _SETS:
        return 1 + sizes[0] * sizes[1]
    return _list_cost(function, parts)


def _list_cost(function: str, parts: list[_Estimate]) -> int:
    sizes = [part.size for part in parts]
    if function == "check":
        return CHECK_COST
    if function in _LISTS:
        item = _item(parts[0]).size if parts[0].schema is None or parts[0].schema.items else 1
        return sizes[0] * max(1, _tenth(item if item < UNKNOWN else 1))
    if function in _WHOLE and parts:
        return max(1, _tenth(sizes[0]))
    return 1


def _result(node: Call, parts: list[_Estimate], cost: int) -> _Estimate:
    function = node.function
    sizes = [part.size for part in parts]
    if function in ("_[_]", "_?._", "_[?_]"):
        return _indexed(node, parts, cost)
    if function in ("orValue", "or", "value", "optional.of", "dyn"):
        return _Estimate(cost, max(sizes), parts[0].schema, parts[0].item)
    if function == "_+_":
        return _Estimate(cost, saturated(sum(sizes)), item=parts[0].item or parts[1].item)
    if function in ("split", "findAll"):
        return _Estimate(cost, sizes[0], item=_Estimate(0, sizes[0]))
    if function in ("lowerAscii", "upperAscii", "trim", "substring", "find", "string", "bytes"):
        return _Estimate(cost, sizes[0])
    if function in ("replace", "join", "format", "strings.quote"):
        return _Estimate(cost, saturated(sum(sizes)))
    return _Estimate(cost)


def _indexed(node: Call, parts: list[_Estimate], cost: int) -> _Estimate:
    schema, key = parts[0].schema, node.arguments[1]
    if schema is None:
        found = _item(parts[0])
        return _Estimate(cost, found.size, found.schema, found.item)
    if schema.items is not None:
        return _of_schema(schema.items, cost)
    name = _plain(str(key.value)) if isinstance(key, Literal) else ""
    return _of_schema(schema.member(name), cost)
