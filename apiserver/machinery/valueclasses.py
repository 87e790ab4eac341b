"""valueclass: a dataclass that is cheap to define, and immutable by type checking alone.

`dataclasses.dataclass` compiles six methods of a frozen class one by one, which took a quarter of
the time of a start. Here only ``__init__`` is compiled, when the first instance is made: most
classes have none at the start. The others are closures and compare, hash and show just as those
would. Instances, too, are created in a quarter of the time: a frozen class assigns every field
through ``object.__setattr__``. The stores have `storage.valueclass`, for they know nothing of this
package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def valueclass(cls: type[T]) -> type[T]:
    """Make ``cls`` a slotted, hashable dataclass that type checkers treat as frozen."""
    made: Any = dataclass(slots=True, eq=False, repr=False, init=False)(cls)
    own = vars(cls)
    if "__init__" not in own:
        made.__init__ = _compiled_when_called(made)
    if "__repr__" not in own:
        made.__repr__ = _shown
    if "__eq__" not in own:
        values = _values([each.name for each in fields(made) if each.compare])
        made.__eq__ = _equality(values)
        if "__hash__" not in own:
            made.__hash__ = _hash(values)
    return made  # type: ignore[no-any-return]


def _compiled_when_called(cls: Any) -> Callable[..., None]:
    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = _initializer(cls)
        cls.__init__(self, *args, **kwargs)

    return initialize


def _initializer(cls: Any) -> Callable[..., None]:
    """Compile the ``__init__`` that `dataclasses.dataclass` would give to a class."""
    parameters, body = ["self"], []
    scope: dict[str, Any] = {"_missing": MISSING}
    for each in fields(cls):
        name, default, factory = each.name, f"_default_{each.name}", f"_factory_{each.name}"
        value = name if each.init else default
        if each.default_factory is not MISSING:
            scope[default], scope[factory] = MISSING, each.default_factory
            value = f"{factory}() if {value} is _missing else {value}"
        elif each.default is not MISSING:
            scope[default] = each.default
        if each.init:
            parameters.append(f"{name}={default}" if default in scope else name)
        if each.init or default in scope:
            body.append(f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    code = f"def __init__({', '.join(parameters)}):\n {'; '.join(body) or 'pass'}"
    exec(code, scope)  # noqa: S102 - as dataclasses does
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _values(names: list[str]) -> Callable[[Any], Any]:
    return attrgetter(*names) if names else lambda _: ()


def _equality(values: Callable[[Any], Any]) -> Callable[[Any, object], Any]:
    def equals(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    return equals


def _hash(values: Callable[[Any], Any]) -> Callable[[Any], int]:
    return lambda self: hash(values(self))


@recursive_repr()
def _shown(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"
