"""Evaluation: a checked syntax tree becomes closures, which are called with the variables.

What an evaluation costs is counted as in cel-go: a step for each name, each selection and each
call, more for what depends on the size of its arguments. More than the budget is an error, so that
no expression runs for long, however large the values are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from apiserver.cel.errors import NO_OVERLOAD, BudgetExceededError, EvaluationError
from apiserver.cel.objectvalues import OBJECTS
from apiserver.cel.operators import has_field, index_of, select_field
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
from apiserver.cel.values import ABSENT, OptionalValue, TypeValue

Function: TypeAlias = Callable[..., Any]


class Frame:
    """One evaluation: the variables, and what is left of the budget."""

    __slots__ = ("left", "variables")

    def __init__(self, variables: dict[str, Any], budget: int) -> None:
        self.variables = variables
        self.left = budget

    def spend(self, cost: int) -> None:
        """Take from the budget."""
        self.left -= cost
        if self.left < 0:
            raise BudgetExceededError


Code: TypeAlias = Callable[[Frame], Any]
_TYPES: Final = frozenset([
    "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type",
    "google.protobuf.Timestamp", "google.protobuf.Duration", "optional_type",
])  # fmt: skip
_LIST_COST: Final = 10
_MAP_COST: Final = 30
_MESSAGE_COST: Final = 40


class CodeGenerator:
    """Makes code of trees. Functions are found by their names, and look at their arguments."""

    def __init__(
        self, functions: Mapping[str, Function], costs: Mapping[str, Callable[..., int]]
    ) -> None:
        self._functions = functions
        self._costs = costs
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
                value = operand(frame)
                frame.spend(1)
                if type(value) is OptionalValue:
                    return value.present and field in value.value
                if type(value) is not dict:
                    return has_field(value, field)
                return field in value

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
        special = _SPECIAL.get(name)
        arguments = node.arguments
        if special is not None and (name != "or" or "optional" in "".join(node.overloads)):
            return special(*map(self.code, arguments))
        if name == "_+_" and self._is_growing(node):
            return self._grow(node)
        function = self._functions.get(name, _no_overload)
        cost = self._costs.get(name)
        codes = tuple(map(self.code, arguments))
        if cost is not None:
            return _costly(function, cost, codes)
        return _cheap(function, codes)

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

        def build(frame: Frame) -> list[Any]:
            frame.spend(_LIST_COST)
            if not optional:
                return [code(frame) for code in codes]
            items = []
            for index, code in enumerate(codes):
                item = code(frame)
                if index not in optional:
                    items.append(item)
                elif item.present:
                    items.append(item.value)
            return items

        return build

    def _map(self, node: MapOf) -> Code:
        entries = [(self.code(key), self.code(value), may) for key, value, may in node.entries]
        make = OBJECTS.get(node.message.partition(".")[0]) if node.message else None
        message, cost = node.message, _MESSAGE_COST if node.message else _MAP_COST

        def build(frame: Frame) -> Any:
            frame.spend(cost)
            built = {}
            for key_code, value_code, optional in entries:
                key, value = key_code(frame), value_code(frame)
                if optional:
                    if not value.present:
                        continue
                    value = value.value
                if key in built:
                    raise EvaluationError(f"insert failed: key already exists: {key}")
                built[key] = value
            return built if make is None else make(message, built)

        return build

    def _body(self, node: Comprehension) -> tuple[Code, ...]:
        """Return the code of what is evaluated in a loop, where its result may grow."""
        outer = set(self._results)
        if isinstance(node.initial, ListOf) and not node.initial.items:
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
                    frame.spend(1)
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
    if type(values) is list:
        if second:
            return (((first, at), (second, value)) for at, value in enumerate(values))
        return (((first, value),) for value in values)
    if type(values) is dict:
        if second:
            return (((first, key), (second, value)) for key, value in values.items())
        return (((first, key),) for key in values)
    raise EvaluationError(NO_OVERLOAD)


_UNSET: Final[Any] = object()


def _restore(variables: dict[str, Any], name: str, value: Any) -> None:
    if value is _UNSET:
        variables.pop(name, None)
    else:
        variables[name] = value


class _Failure:
    """The result of a step that failed; whatever uses it fails alike."""

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


def _no_overload(*_: Any) -> Any:
    raise EvaluationError(NO_OVERLOAD)


def _cheap(function: Function, codes: tuple[Code, ...]) -> Code:
    if len(codes) == 2:
        first, second = codes

        def call_two(frame: Frame) -> Any:
            left = first(frame)
            right = second(frame)
            frame.spend(1)
            return function(left, right)

        return call_two

    def call(frame: Frame) -> Any:
        arguments = [code(frame) for code in codes]
        frame.spend(1)
        return function(*arguments)

    return call


def _costly(function: Function, cost: Callable[..., int], codes: tuple[Code, ...]) -> Code:
    def call(frame: Frame) -> Any:
        arguments = [code(frame) for code in codes]
        frame.spend(cost(*arguments))
        return function(*arguments)

    return call


def _decided(first: Code, second: Code, decisive: bool) -> Code:  # noqa: FBT001
    """Return the code of ``&&`` or ``||``: one side may decide, whatever the other one is."""

    def decide(frame: Frame) -> bool:
        failure: EvaluationError | None = None
        for code in (first, second):
            try:
                value = code(frame)
            except BudgetExceededError:
                raise
            except EvaluationError as error:
                failure = failure or error
                continue
            if value is decisive:
                return bool(value)
            if type(value) is not bool:
                failure = failure or EvaluationError(NO_OVERLOAD)
        if failure is not None:
            raise failure
        return not decisive

    return decide


def _conditional(test: Code, yes: Code, no: Code) -> Code:
    def choose(frame: Frame) -> Any:
        chosen = test(frame)
        if chosen is True:
            return yes(frame)
        if chosen is False:
            return no(frame)
        raise EvaluationError(NO_OVERLOAD)

    return choose


def _not_strictly_false(operand: Code) -> Code:
    def test(frame: Frame) -> bool:
        try:
            return bool(operand(frame) is not False)
        except BudgetExceededError:
            raise
        except EvaluationError:
            return True

    return test


def _optional_select(operand: Code, field: Code) -> Code:
    def select(frame: Frame) -> OptionalValue:
        value, key = operand(frame), field(frame)
        frame.spend(1)
        if type(value) is OptionalValue:
            if not value.present:
                return ABSENT
            value = value.value
        if type(value) is dict:
            return OptionalValue(present=True, value=value[key]) if key in value else ABSENT
        if type(value) is list:
            inside = type(key) is int and 0 <= key < len(value)
            return OptionalValue(present=True, value=value[key]) if inside else ABSENT
        raise EvaluationError(NO_OVERLOAD)

    return select


def _index(operand: Code, key: Code) -> Code:
    def index(frame: Frame) -> Any:
        value, at = operand(frame), key(frame)
        frame.spend(1)
        return index_of(value, at)

    return index


def _or(operand: Code, other: Code) -> Code:
    def choose(frame: Frame) -> Any:
        value = operand(frame)
        frame.spend(1)
        return value if value.present else other(frame)

    return choose


def _or_value(operand: Code, other: Code) -> Code:
    def choose(frame: Frame) -> Any:
        value = operand(frame)
        frame.spend(1)
        return value.value if value.present else other(frame)

    return choose


_SPECIAL: Final[Mapping[str, Callable[..., Code]]] = {
    "_&&_": lambda first, second: _decided(first, second, decisive=False),
    "_||_": lambda first, second: _decided(first, second, decisive=True),
    "_?_:_": _conditional,
    "@not_strictly_false": _not_strictly_false,
    "_?._": _optional_select,
    "_[?_]": _optional_select,
    "_[_]": _index,
    "or": _or,
    "orValue": _or_value,
}
