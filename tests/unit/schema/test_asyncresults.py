"""Work that needs results is run again until it has them."""

from __future__ import annotations

import pytest

from apiserver.machinery.errors import NotFound
from apiserver.schema.asyncresults import ResultNeeded, require, run_with_results
from apiserver.schema.kindtypes import Inconvertible


class Oracle:
    """Answers questions with their length, and notes them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def length(self, text: str) -> int:
        """Return the length of a text, which has to be asked for."""

        async def ask() -> int:
            self.asked.append(text)
            if text == "odd":
                raise Inconvertible("it is odd")
            if text == "gone":
                raise NotFound.path()
            return len(text)

        return require(text, ask)


async def test_work_runs_again_with_every_answer() -> None:
    oracle, runs = Oracle(), []

    def work() -> int:
        runs.append(len(oracle.asked))
        return oracle.length("a") + oracle.length("bb") + oracle.length("a")

    assert await run_with_results(work) == 4
    assert oracle.asked == ["a", "bb"]
    assert runs == [0, 1, 2]


async def test_answers_are_forgotten_with_the_work() -> None:
    oracle = Oracle()
    for _ in range(2):
        assert await run_with_results(lambda: oracle.length("a")) == 1
    assert oracle.asked == ["a", "a"]
    with pytest.raises(ResultNeeded):
        oracle.length("a")


async def test_inner_work_has_the_answers_of_outer_work() -> None:
    oracle = Oracle()

    async def inner() -> int:
        return await run_with_results(lambda: oracle.length("a") + oracle.length("bb"))

    def outer() -> int:
        return oracle.length("a") + require("inner", inner)

    assert await run_with_results(outer) == 4
    assert oracle.asked == ["a", "bb"]


async def test_an_inconvertible_answer_is_raised_in_the_work() -> None:
    oracle = Oracle()

    def work() -> str:
        try:
            return str(oracle.length("odd"))
        except Inconvertible as error:
            return str(error)

    assert await run_with_results(work) == "it is odd"


async def test_other_errors_end_the_work() -> None:
    oracle = Oracle()
    with pytest.raises(NotFound):
        await run_with_results(lambda: oracle.length("gone"))
