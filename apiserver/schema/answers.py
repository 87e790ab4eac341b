"""Pure work that needs an answer from elsewhere, such as the conversion of a webhook.

Pure work cannot wait. It requires the answer, which raises `Unanswered` while there is none; the
caller of the work gets the answer, and runs the work again from its beginning. So the work must not
have side effects. Answers are forgotten with the work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from apiserver.schema.kindtypes import Inconvertible

T = TypeVar("T")

_answers: Final[ContextVar[dict[Hashable, Any] | None]] = ContextVar("answers", default=None)


class Unanswered(Exception):
    """Work needs the answer to the question ``key``, which ``ask`` gets."""

    def __init__(self, key: Hashable, ask: Callable[[], Awaitable[Any]]) -> None:
        super().__init__("an answer is required")
        self.key = key
        self.ask = ask


def require(key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
    """Return the answer to a question, or raise it if it is Inconvertible.

    Raises Unanswered if it has to be asked first.
    """
    answers = _answers.get()
    if answers is None or key not in answers:
        raise Unanswered(key, ask)
    answer: T | Inconvertible = answers[key]
    if isinstance(answer, Inconvertible):
        raise answer
    return answer


async def answered(work: Callable[[], T]) -> T:
    """Return the result of short work. Raises its errors."""

    async def run() -> T:
        return work()

    try:
        return work()
    except Unanswered as missing:
        return await with_answers(missing, run)


async def with_answers(missing: Unanswered, run: Callable[[], Awaitable[T]]) -> T:
    """Return the result of work that has missed an answer: it runs until nothing is missing.

    Raises the errors of the work, and other errors of those who are asked than Inconvertible.
    """
    answers = dict(_answers.get() or {})
    token = _answers.set(answers)
    try:
        while True:
            try:
                answers[missing.key] = await missing.ask()
            except Inconvertible as error:
                # The work knows what follows.
                answers[missing.key] = error
            try:
                return await run()
            except Unanswered as another:
                missing = another
    finally:
        _answers.reset(token)
