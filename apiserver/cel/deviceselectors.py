"""Selectors of devices: ``device.driver == 'gpu.example.com'`` (KEP-4381).

A selector is checked when it is stored; schedulers evaluate it. See CELDeviceSelector in the API
documentation for the variable `device`. The sizes of attributes, which limit what a selector can
cost, are those of ResourceSlices.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from apiserver.cel.compilation import Environment
from apiserver.cel.costestimation import estimate_cost
from apiserver.cel.declarations import QUANTITY
from apiserver.cel.descriptors import DYNAMIC, SchemaTypes
from apiserver.cel.errors import CompileError
from apiserver.schema.structural import Assertions, Schema

#: What a selector may cost at most.
SELECTOR_LIMIT: Final = 1_000_000
_DEVICE: Final = "DRADevice"
_ANY: Final = "any"
_MAP: Final = "map<string,{}>"
_FIELDS: Final = {
    "driver": "string",
    "attributes": _MAP.format(_MAP.format(DYNAMIC)),
    "capacity": _MAP.format(_MAP.format(QUANTITY)),
    "allowMultipleAllocations": "bool",
}
_KEY_SIZE: Final = 63
_ENTRIES: Final = 32
# A schema counts four bytes for a character.
_VALUE: Final = Schema("string", assertions=Assertions(max_length=64 // 4))


class TooExpensiveError(Exception):
    """A selector can cost more than it may."""


def check_selector(source: str) -> None:
    """Raise CompileError, or TooExpensiveError, for a selector that cannot be stored."""
    program = _environment().compile(source)
    if program.type not in ("bool", _ANY):
        shown = program.type.replace("<", "(").replace(">", ")").replace(",", ", ")
        shown = shown.replace(_DEVICE, f"kubernetes.{_DEVICE}")
        raise CompileError(f"must evaluate to bool or the unknown type, not {shown}")
    program.instantiated()
    if estimate_cost(program.tree, _schemas(), key_size=_KEY_SIZE) > SELECTOR_LIMIT:
        raise TooExpensiveError


@cache
def _environment() -> Environment:
    types = SchemaTypes(None, messages={_DEVICE: _FIELDS})
    # The checker knows maps of maps as the types of variables only, not of fields.
    paths = {
        "device": _DEVICE,
        "device.attributes": _MAP.format(_MAP.format(_ANY)),
        "device.capacity": _FIELDS["capacity"],
    }
    return Environment(types, paths, libraries=("bindings",))


@cache
def _schemas() -> dict[str, Schema]:
    limit = Assertions(max_properties=_ENTRIES)
    inner = Schema("object", values=_VALUE, assertions=limit)
    outer = Schema("object", values=inner, assertions=limit)
    members = {
        "driver": Schema("string", assertions=Assertions(max_length=_KEY_SIZE // 4)),
        "attributes": outer,
        "capacity": outer,
        "allowMultipleAllocations": Schema("boolean"),
    }
    device = Schema("object", properties=members)
    return {"device": device, **{f"device.{name}": each for name, each in members.items()}}
