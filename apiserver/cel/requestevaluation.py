"""Evaluation of the expressions of a policy or webhook for one request, with its cost budget.

The variables of a policy are evaluated when an expression first uses them. The limits and the texts
of errors are those of the API server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from apiserver.cel.compilation import CALL_LIMIT, Program
from apiserver.cel.errors import BudgetExceededError, CompileError, EvaluationError
from apiserver.cel.frames import MAX_EFFORT, Frame
from apiserver.cel.requestvariables import RequestExpressions
from apiserver.machinery.valueclasses import valueclass

#: What all expressions of a policy may cost for one request, binding and parameter.
POLICY_LIMIT: Final = 10_000_000
#: What all match conditions of a policy or webhook may cost.
CONDITIONS_LIMIT: Final = 2_500_000
# What may be evaluated without leaving the event loop; it takes a few milliseconds.
_INLINE_COST: Final = 10_000
_INLINE_EFFORT: Final = 20_000
# More than any evaluation may cost.
_ENDLESS: Final = 1 << 62
_OUT_OF_BUDGET: Final = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)


class OutOfBudgetError(Exception):
    """The expressions of a policy together cost too much; the text is that of the API server."""

    def __init__(self) -> None:
        super().__init__(_OUT_OF_BUDGET)


class TooSlowError(Exception):
    """An evaluation costs more than may be evaluated at this place. It is to run in a thread."""


@dataclass(slots=True)
class Allowance:
    """The remaining budget of an evaluation: ``left`` of the cost, and of the ``effort``.

    ``inline``: what takes more is to run in a thread.
    """

    left: int
    effort: int
    inline: bool

    @classmethod
    def of_loop(cls) -> Allowance:
        """Return what may be evaluated in the event loop."""
        return cls(_INLINE_COST, _INLINE_EFFORT, inline=True)

    @classmethod
    def of_thread(cls) -> Allowance:
        """Return the evaluation without a limit of time, for a thread; the budget still applies."""
        return cls(_ENDLESS, MAX_EFFORT, inline=False)


@dataclass(slots=True)
class RequestValues:
    """The values of the variables of a request.

    ``request`` is an AdmissionRequest without the members that are empty; ``authorizers`` are the
    values of `authorizer` and `authorizer.requestResource`, where they are allowed.
    """

    object: Any
    old_object: Any
    request: Mapping[str, Any]
    namespace: Any
    params: Any = None
    authorizers: Mapping[str, Any] = field(default_factory=dict)

    def variables(self, *, authorizes: bool) -> dict[str, Any]:
        """Return the variables by their names."""
        known = {
            "object": self.object,
            "oldObject": self.old_object,
            "request": self.request,
            "namespaceObject": self.namespace,
            "params": self.params,
        }
        return {**known, **self.authorizers} if authorizes else known


@valueclass
class Expression:
    """An expression, compiled; ``error`` is why it does not compile, or ""."""

    source: str
    program: Program | None
    error: str = ""

    @classmethod
    def compile(
        cls, expressions: RequestExpressions, source: str, *types: str, authorizes: bool = True
    ) -> Expression:
        """Compile an expression whose value has one of some types."""
        try:
            return cls(source, expressions.compile(source, *types, authorizes=authorizes))
        except CompileError as error:
            return cls(source, None, str(error))

    @classmethod
    def compile_patch(cls, expressions: RequestExpressions, source: str, type_: str) -> Expression:
        """Compile an expression that makes a patch."""
        try:
            return cls(source, expressions.compile_patch(source, type_))
        except CompileError as error:
            return cls(source, None, str(error))


class Evaluation:
    """The evaluation of several expressions with the same variables and a common budget."""

    def __init__(
        self,
        variables: dict[str, Any],
        composed: Mapping[str, Expression],
        budget: int,
        allowance: Allowance,
    ) -> None:
        self.left = budget
        self._allowance = allowance
        self._variables = variables
        self._composed = _Composed(composed, variables, allowance)

    def value(self, expression: Expression) -> Any:
        """Return the value of an expression. Raises EvaluationError, or OutOfBudgetError."""
        if expression.program is None:
            raise EvaluationError(f"compilation error: {expression.error}")
        composed = self._composed
        frame = _frame({**self._variables, "variables": composed}, self._allowance)
        try:
            return _run(expression.program, frame, self._allowance)
        except EvaluationError as error:
            text = f"expression '{expression.source}' resulted in error: {error}"
            raise EvaluationError(text) from None
        finally:
            self._spend(frame)

    def _spend(self, frame: _LimitedFrame) -> None:
        self.left -= frame.spent + self._composed.spent
        self._composed.spent = 0
        if self.left < 0:
            raise OutOfBudgetError


class _LimitedFrame(Frame):
    """A frame that knows its limit."""

    __slots__ = ("limit",)

    def __init__(self, variables: dict[str, Any], limit: int, effort: int) -> None:
        super().__init__(variables, limit, effort)
        self.limit = limit

    @property
    def spent(self) -> int:
        return self.limit - self.left


def _frame(variables: dict[str, Any], allowance: Allowance) -> _LimitedFrame:
    return _LimitedFrame(variables, min(CALL_LIMIT, allowance.left), allowance.effort)


def _run(program: Program, frame: _LimitedFrame, allowance: Allowance) -> Any:
    try:
        return program.run(frame)
    except BudgetExceededError:
        if allowance.inline and (frame.limit < CALL_LIMIT or frame.effort < 0):
            raise TooSlowError from None
        raise
    finally:
        allowance.left -= frame.spent
        allowance.effort = frame.effort


class _Composed:
    """The variables of a policy: the value of one is found when it is used, and kept."""

    __slots__ = ("_allowance", "_expressions", "_known", "_variables", "spent")
    cel_type: ClassVar[str] = "kubernetes.variables"

    def __init__(
        self, expressions: Mapping[str, Expression], variables: dict[str, Any], allowance: Allowance
    ) -> None:
        self._expressions = expressions
        self._variables = variables
        self._allowance = allowance
        self._known: dict[str, Any] = {}
        #: What the variables cost that were found since this was last set to 0.
        self.spent = 0

    @property
    def members(self) -> _Composed:
        return self

    def __contains__(self, name: str) -> bool:
        return name in self._expressions

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self._found(name, self._expressions[name])
        value = self._known[name]
        if type(value) is EvaluationError:
            raise value
        return value

    def _found(self, name: str, expression: Expression) -> Any:
        shown = f'composited variable "{name}" fails to'
        if expression.program is None:
            return EvaluationError(f"{shown} compile: {expression.error}")
        frame = _frame({**self._variables, "variables": self}, self._allowance)
        try:
            return _run(expression.program, frame, self._allowance)
        except EvaluationError as error:
            return EvaluationError(f"{shown} evaluate: {error}")
        finally:
            self.spent += frame.spent
