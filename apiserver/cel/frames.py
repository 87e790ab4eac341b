"""Frame: one evaluation of an expression, and its remaining budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from apiserver.cel.errors import BudgetExceededError

Function: TypeAlias = Callable[..., Any]
#: How many single values may be compared or copied at most; it takes about two seconds.
MAX_EFFORT: Final = 5_000_000


class Frame:
    """One evaluation: the variables, and the remaining budget.

    ``effort`` is what may be done that costs nothing: comparing large values, for example.
    """

    __slots__ = ("effort", "left", "variables")

    def __init__(self, variables: dict[str, Any], budget: int, effort: int = MAX_EFFORT) -> None:
        self.variables = variables
        self.left = budget
        self.effort = effort

    def spend(self, cost: int) -> None:
        """Take from the budget."""
        self.left -= cost
        if self.left < 0:
            raise BudgetExceededError

    def spend_effort(self, effort: int) -> None:
        """Take from what may be done."""
        self.effort -= effort
        if self.effort < 0:
            raise BudgetExceededError


#: Finds the value of a node.
Code: TypeAlias = Callable[[Frame], Any]
