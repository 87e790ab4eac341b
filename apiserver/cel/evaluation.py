"""Evaluation: a checked syntax tree becomes closures, which are called with the variables.

What an evaluation costs is counted as in cel-go: a step for each name, each selection and each
call, more for what depends on the size of its arguments, nothing for constants. More than the
budget is an error, so that no expression runs for long, however large the values are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from apiserver.cel.callcodes import (
    SPECIAL,
    cheap_call,
    costly_call,
    effort_call,
    free_call,
    no_such_overload,
)
from apiserver.cel.constants import is_constant, value_of
from apiserver.cel.errors import BudgetExceededError, EvaluationError
from apiserver.cel.frames import Code, Frame, Function
from apiserver.cel.functioncosts import (
    EFFORTS,
    FUNCTION_COSTS,
    LIST_COST,
    MAP_COST,
    MESSAGE_COST,
    OVERLOAD_COSTS,
)
from apiserver.cel.objectvalues import OBJECTS
from apiserver.cel.operators import has_field, select_field
from apiserver.cel.overloads import not_iterable
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
from apiserver.cel.values import OptionalValue, TypeValue

_TYPES: Final = frozenset([
    "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type",
    "google.protobuf.Timestamp", "google.protobuf.Duration", "optional_type",
])  # fmt: skip
_NOT_OPTIONAL: Final = "cannot initialize optional"
_FROM: Final = "from non-optional value"


class CodeGenerator:
    """Makes code of trees. Functions are found by their names, and look at their arguments."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions
        self._results: set[str] = set()

    def code(self, node: Node) -> Code:
        """Return the code of a node."""
        match node:
            case Literal(value):
                return lambda _: value
            case Name(name):
                return _type_code(name) if name in _TYPES else _name_code(name)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListOf():
                return self._list(node)
            case MapOf():
                return self._map(node)
            case Comprehension():
                return self._loop(node)

    def _select(self, node: Select) -> Code:
        operand, field = self.code(node.operand), node.field
        if node.test_only:

            def test(frame: Frame) -> bool:
                # The test itself costs nothing.
                value = operand(frame)
                return field in value if type(value) is dict else has_field(value, field)

            return test

        def select(frame: Frame) -> Any:
            value = operand(frame)
            frame.spend(1)
            if type(value) is dict:
                try:
                    return value[field]
                except KeyError:
                    raise EvaluationError(f"no such key: {field}") from None
            return select_field(value, field)

        return select

    def _call(self, node: Call) -> Code:
        name = node.function
        special = SPECIAL.get(name)
        arguments = node.arguments
        if special is not None and (name != "or" or "optional" in "".join(node.overloads)):
            return special(*map(self.code, arguments))
        if name == "_+_" and self._is_growing(node):
            return self._grow(node)
        function, codes = (
            self._functions.get(name, no_such_overload),
            tuple(map(self.code, arguments)),
        )
        if name == "@in" and is_constant(arguments[1]):
            # Membership in a constant list costs nothing.
            return free_call(function, name, codes)
        cost = FUNCTION_COSTS.get(name)
        if cost is None and len(node.overloads) == 1:
            cost = OVERLOAD_COSTS.get(node.overloads[0])
        effort = EFFORTS.get(name)
        if effort is not None:
            return effort_call(function, name, cost, effort, codes)
        if cost is not None:
            return costly_call(function, name, cost, codes)
        return cheap_call(function, name, codes)

    def _is_growing(self, node: Call) -> bool:
        left, right = node.arguments
        return isinstance(left, Name) and left.name in self._results and isinstance(right, ListOf)

    def _grow(self, node: Call) -> Code:
        """Append to the result of a loop, which nothing else refers to, instead of copying it."""
        left, right = map(self.code, node.arguments)

        def grow(frame: Frame) -> Any:
            result = left(frame)
            result.extend(right(frame))
            frame.spend(1)
            return result

        return grow

    def _list(self, node: ListOf) -> Code:
        codes, optional = tuple(map(self.code, node.items)), node.optional
        if not codes:
            # A loop may add to it.
            return lambda _: []
        if is_constant(node):
            known = value_of(node)
            return lambda _: known

        def build(frame: Frame) -> list[Any]:
            frame.spend(LIST_COST)
            if not optional:
                return [code(frame) for code in codes]
            items = []
            for index, code in enumerate(codes):
                item = code(frame)
                if index not in optional:
                    items.append(item)
                elif type(item) is not OptionalValue:
                    raise EvaluationError(f"{_NOT_OPTIONAL} list element {_FROM} {item}")
                elif item.present:
                    items.append(item.value)
            return items

        return build

    def _map(self, node: MapOf) -> Code:
        entries = [(self.code(key), self.code(value), may) for key, value, may in node.entries]
        make = OBJECTS.get(node.message.partition(".")[0]) if node.message else None
        if not entries and not node.message:
            return lambda _: {}
        if is_constant(node):
            known = value_of(node)
            return lambda _: known
        message, cost = node.message, MESSAGE_COST if node.message else MAP_COST

        def build(frame: Frame) -> Any:
            frame.spend(cost)
            built = {}
            for key_code, value_code, optional in entries:
                key, value = key_code(frame), value_code(frame)
                if optional:
                    if type(value) is not OptionalValue:
                        raise EvaluationError(f"{_NOT_OPTIONAL} entry '{key}' {_FROM} {value}")
                    if not value.present:
                        continue
                    value = value.value
                if isinstance(key, list | dict):
                    raise EvaluationError("unsupported key type")
                built[key] = value
            return built if make is None else make(message, built)

        return build

    def _body(self, node: Comprehension) -> tuple[Code, ...]:
        """Return the code of what is evaluated in a loop, where its result may grow."""
        outer = set(self._results)
        repeats = not (isinstance(node.condition, Literal) and node.condition.value is False)
        if repeats and isinstance(node.initial, ListOf) and not node.initial.items:
            self._results.add(node.result_variable)
        else:
            self._results.discard(node.result_variable)
        codes = tuple(map(self.code, (node.condition, node.step, node.result)))
        self._results = outer
        return codes

    def _loop(self, node: Comprehension) -> Code:
        range_code, initial = self.code(node.range), self.code(node.initial)
        condition, step, result = self._body(node)
        names = node.variable, node.second
        accumulator, always = node.result_variable, isinstance(node.condition, Literal)

        def loop(frame: Frame) -> Any:
            values, variables = range_code(frame), frame.variables
            outer = [variables.get(name, _UNSET) for name in (*names, accumulator)]
            variables[accumulator] = initial(frame)
            try:
                for item in _items(values, names):
                    variables.update(item)
                    if not always and not condition(frame):
                        break
                    try:
                        variables[accumulator] = step(frame)
                    except BudgetExceededError:
                        raise
                    except EvaluationError as error:
                        # A later item may decide the result: errors are kept, not raised.
                        variables[accumulator] = _Failure(error)
                for name, value in zip(names, outer, strict=False):
                    _restore(variables, name, value)
                return result(frame)
            finally:
                for name, value in zip((*names, accumulator), outer, strict=True):
                    _restore(variables, name, value)

        return loop


def _items(values: Any, names: tuple[str, str]) -> Iterable[Iterable[tuple[str, Any]]]:
    """Yield the variables of each round of a loop over a list or map."""
    first, second = names
    if isinstance(values, list):
        if second:
            return (((first, at), (second, value)) for at, value in enumerate(values))
        return (((first, value),) for value in values)
    if type(values) is dict:
        if second:
            return (((first, key), (second, value)) for key, value in values.items())
        return (((first, key),) for key in values)
    raise EvaluationError(not_iterable(values, has_two_variables=bool(second)))


_UNSET: Final[Any] = object()


def _restore(variables: dict[str, Any], name: str, value: Any) -> None:
    if value is _UNSET:
        variables.pop(name, None)
    else:
        variables[name] = value


class _Failure:
    """The result of a step that failed; steps that use it fail with the same error."""

    __slots__ = ("error",)

    def __init__(self, error: EvaluationError) -> None:
        self.error = error


def _name_code(name: str) -> Code:
    def read(frame: Frame) -> Any:
        frame.spend(1)
        try:
            value = frame.variables[name]
        except KeyError:
            raise EvaluationError(f"no such attribute(s): {name}") from None
        if type(value) is _Failure:
            raise value.error
        return value

    return read


def _type_code(name: str) -> Code:
    value = TypeValue(name)
    return lambda _: value
