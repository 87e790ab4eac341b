"""UIDs and generated names come from one source, which can be replaced."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from apiserver.machinery.names import generate_name
from apiserver.machinery.randomness import set_random_source
from apiserver.machinery.uids import new_uid


@pytest.fixture
def counted() -> Iterator[None]:
    numbers = itertools.count(1)
    set_random_source(lambda count: next(numbers).to_bytes(count))
    yield
    set_random_source(os.urandom)


@pytest.mark.usefixtures("counted")
def test_a_source_that_can_be_predicted_makes_uids_and_names_that_can() -> None:
    assert [new_uid(), new_uid()] == [
        "00000000-0000-4000-8000-000000000001",
        "00000000-0000-4000-8000-000000000002",
    ]
    assert [generate_name("a-"), generate_name("a-")] == ["a-fbbbb", "a-gbbbb"]


def test_generated_names_use_every_character_of_the_alphabet() -> None:
    names = {generate_name("")[index] for _ in range(1000) for index in range(5)}
    assert names == set("bcdfghjklmnpqrstvwxz2456789")
    assert len({generate_name("x") for _ in range(1000)}) > 990
