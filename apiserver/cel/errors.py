"""The errors of expressions: of their compilation, and of their evaluation."""

from __future__ import annotations

from typing import Final

#: The text of an evaluation that takes longer than its budget allows.
OVER_BUDGET: Final = "operation cancelled: actual cost limit exceeded"
NO_OVERLOAD: Final = "no such overload"


class CompileError(Exception):
    """An expression is not valid; the text is that of the API server, with the place of the error.

    The text begins with ``compilation failed: `` if the parser or the type checker refused it.
    """


class InstantiationError(CompileError):
    """A checked expression cannot be made a program, because a part of it always fails."""


class EvaluationError(Exception):
    """The evaluation of an expression failed: ``no such key: size``."""


class BudgetExceededError(EvaluationError):
    """The evaluation cost more than it may. No operator of the language hides this error."""

    def __init__(self) -> None:
        super().__init__(OVER_BUDGET)
