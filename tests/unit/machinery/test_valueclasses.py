"""Value classes compare, hash and show as frozen dataclasses do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from apiserver.machinery.valueclasses import valueclass


@valueclass
class Nothing:
    pass


@valueclass
class Port:
    number: int


@valueclass
class Address:
    host: str
    port: Port = Port(443)
    names: tuple[str, ...] = field(default_factory=tuple)
    seen: int = field(default=0, compare=False, repr=False)


@valueclass
class Named(Address):
    name: str = ""


@valueclass
class Counted:
    count: int
    doubled: int = field(init=False)
    names: list[str] = field(init=False, default_factory=list)
    unit: str = field(init=False, default="s")

    def __post_init__(self) -> None:
        object.__setattr__(self, "doubled", 2 * self.count)


@valueclass
class Folded:
    text: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Folded) and self.text.lower() == other.text.lower()

    def __hash__(self) -> int:
        return hash(self.text.lower())

    def __repr__(self) -> str:
        return self.text.lower()


def frozen(made: type[Any]) -> type[Any]:
    """Return the frozen dataclass of the same fields."""
    members: dict[str, Any] = {"__annotations__": {each.name: each.type for each in fields(made)}}
    for each in fields(made):
        if each.name == "names":
            members["names"] = field(default_factory=tuple)
        elif each.name == "seen":
            members["seen"] = field(default=0, compare=False, repr=False)
    bare = type(made.__name__, (), {**members, "__qualname__": made.__qualname__})
    return dataclass(frozen=True, slots=True)(bare)


CREATED: list[tuple[type[Any], Callable[[Any], list[Any]]]] = [
    (Nothing, lambda cls: [cls(), cls()]),
    (Port, lambda cls: [cls(1), cls(1), cls(2), cls(1.0)]),
    (
        Address,
        lambda cls: [
            cls("a", Port(1)),
            cls("a", Port(1), (), 5),
            cls("a", Port(2)),
            cls("b", Port(1), ("c",)),
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "create"), CREATED, ids=lambda each: getattr(each, "__name__", "")
)
def test_it_behaves_as_a_frozen_dataclass(
    made: type[Any], create: Callable[[Any], list[Any]]
) -> None:
    ours, theirs = create(made), create(frozen(made))
    assert [repr(each) for each in ours] == [repr(each) for each in theirs]
    for one, expected in zip(ours, theirs, strict=True):
        assert [one == other for other in ours] == [expected == other for other in theirs]
        assert [hash(one) == hash(other) for other in ours] == [
            hash(expected) == hash(other) for other in theirs
        ]


def test_it_differs_from_values_of_other_classes() -> None:
    assert Named("a") != Address("a")
    assert Port(1) != (1,)
    assert Named("a", name="b") == Named("a", name="b") != Named("a", name="c")


def test_it_has_slots_and_can_be_replaced() -> None:
    assert not hasattr(Named("a"), "__dict__")
    assert replace(Named("a"), name="b") == Named("a", name="b")


def test_fields_that_are_no_parameters_are_initialized() -> None:
    for counted in Counted(2), Counted(count=2):
        assert repr(counted) == "Counted(count=2, doubled=4, names=[], unit='s')"
    assert Counted(1).names is not Counted(1).names


@pytest.mark.parametrize("arguments", [(), (1, 2), (1, 2, 3)])
def test_wrong_arguments_are_refused_as_by_a_dataclass(arguments: tuple[int, ...]) -> None:
    messages = []
    for cls in Port, frozen(Port):
        with pytest.raises(TypeError) as refused:
            cls(*arguments)
        messages.append(str(refused.value))
    assert messages[0] == messages[1]


def test_what_a_class_defines_itself_is_kept() -> None:
    assert Folded("A") == Folded("a")
    assert len({Folded("A"), Folded("a")}) == 1
    assert repr(Folded("A")) == "a"


def test_a_value_that_contains_itself_can_be_shown() -> None:
    names: list[Any] = []
    shown = Address("a", names=names)  # type: ignore[arg-type]
    names.append(shown)
    assert repr(shown) == "Address(host='a', port=Port(number=443), names=[...])"
