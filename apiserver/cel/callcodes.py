"""The code of calls: of functions, and of the operators that decide what is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from apiserver.cel.errors import NO_OVERLOAD, BudgetExceededError, EvaluationError
from apiserver.cel.frames import Code, Frame, Function
from apiserver.cel.operators import index_of, optional_index
from apiserver.cel.overloads import no_overload_of
from apiserver.cel.values import ABSENT, OptionalValue

# What a value that is too large for a function is called: most of these are times.
_OUT_OF_RANGE: Final = "timestamp overflow"
_NO_OVERLOAD: Final = (NO_OVERLOAD,)


def no_such_overload(*_: Any) -> Any:
    """Raise the error of a function that does not exist."""
    raise EvaluationError(NO_OVERLOAD)


def _called(function: Function, name: str, arguments: Sequence[Any]) -> Any:
    """Return the result of a function. Arguments of dynamic type may match no overload."""
    try:
        return function(*arguments)
    except (AttributeError, TypeError):
        raise EvaluationError(no_overload_of(name, arguments)) from None
    except (ArithmeticError, ValueError):
        raise EvaluationError(_OUT_OF_RANGE) from None
    except EvaluationError as error:
        if error.args != _NO_OVERLOAD:
            raise
        raise EvaluationError(no_overload_of(name, arguments)) from None


def free_call(function: Function, name: str, codes: tuple[Code, ...]) -> Code:
    """Return the code of a call that costs nothing."""

    def call(frame: Frame) -> Any:
        return _called(function, name, [code(frame) for code in codes])

    return call


def effort_call(
    function: Function,
    name: str,
    cost: Callable[..., int] | None,
    effort: Callable[..., int],
    codes: tuple[Code, ...],
) -> Code:
    """Return the code of a call that may take more than it costs."""
    if len(codes) != 2:

        def call(frame: Frame) -> Any:
            arguments = [code(frame) for code in codes]
            frame.spend(1 if cost is None else _called(cost, name, arguments))
            frame.spend_effort(_called(effort, name, arguments))
            return _called(function, name, arguments)

        return call
    first, second = codes

    def call_two(frame: Frame) -> Any:
        left = first(frame)
        right = second(frame)
        frame.spend(1 if cost is None else cost(left, right))
        frame.spend_effort(effort(left, right))
        return _called(function, name, (left, right))

    return call_two


def cheap_call(function: Function, name: str, codes: tuple[Code, ...]) -> Code:
    """Return the code of a call that costs one step."""
    if len(codes) == 2:
        first, second = codes

        def call_two(frame: Frame) -> Any:
            left = first(frame)
            right = second(frame)
            frame.spend(1)
            return _called(function, name, (left, right))

        return call_two

    def call(frame: Frame) -> Any:
        arguments = [code(frame) for code in codes]
        frame.spend(1)
        return _called(function, name, arguments)

    return call


def costly_call(
    function: Function, name: str, cost: Callable[..., int], codes: tuple[Code, ...]
) -> Code:
    """Return the code of a call whose cost depends on its arguments."""

    def call(frame: Frame) -> Any:
        arguments = [code(frame) for code in codes]
        frame.spend(_called(cost, name, arguments))
        return _called(function, name, arguments)

    return call


def _decided(first: Code, second: Code, decisive: bool) -> Code:  # noqa: FBT001
    """Return the code of ``&&`` or ``||``: one side may decide, even if the other one fails."""

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
        frame.spend(1)
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
        return optional_index(value, key)

    return select


def _index(operand: Code, key: Code) -> Code:
    def index(frame: Frame) -> Any:
        value, at = operand(frame), key(frame)
        frame.spend(1)
        return index_of(value, at)

    return index


def _or(operand: Code, other: Code) -> Code:
    def choose(frame: Frame) -> Any:
        value = _optional(operand(frame))
        frame.spend(1)
        return value if value.present else other(frame)

    return choose


def _or_value(operand: Code, other: Code) -> Code:
    def choose(frame: Frame) -> Any:
        value = _optional(operand(frame))
        frame.spend(1)
        return value.value if value.present else other(frame)

    return choose


def _optional(value: Any) -> OptionalValue:
    if type(value) is not OptionalValue:
        raise EvaluationError(NO_OVERLOAD)
    return value


#: The code of operators that do not evaluate all of their arguments, or not first.
SPECIAL: Final[Mapping[str, Callable[..., Code]]] = {
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
