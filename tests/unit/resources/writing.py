"""Writes through a strategy as the registry makes them: result, warnings and errors."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from apiserver.machinery.errors import Invalid
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo
from apiserver.registry.preparation import prepare_create, prepare_update
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.kinds import builtin_kind
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy
from apiserver.schema.jsondecoder import decode_json
from apiserver.schema.structtypes import struct_of_kind
from tests.unit.resources.allocations import Taken

USER = UserInfo("")
UID = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write."""

    object: Object
    causes: list[FieldError] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[str]:
        return [str(cause) for cause in self.causes]

    @property
    def spec(self) -> dict[str, Any]:
        return self.object["spec"]

    @property
    def generation(self) -> int:
        return self.object["metadata"]["generation"]


class Kind:
    """One kind, with the objects that it makes of documents; ``taken`` cannot be allocated."""

    def __init__(self, api_version: str, kind: str, taken: Taken | None = None) -> None:
        self.taken = taken or Taken()
        self._type = {"apiVersion": api_version, "kind": kind}
        self.strategy = _strategy(api_version, kind)

    def read(self, document: Object) -> Object:
        """Return a document as a client's request is read."""
        struct = struct_of_kind(self._type["apiVersion"], self._type["kind"])
        assert struct is not None
        result = decode_json(struct, deepcopy(document))
        assert not result.problems
        read = {**self._type, **result.object}
        self.strategy.default(read)
        return read

    def addressed(self, document: Object) -> Object:
        """Return a document as it is read where the URL says the namespace."""
        read = self.read(document)
        if self.strategy.definition.namespaced:
            read["metadata"].setdefault("namespace", "default")
        return read

    def create(self, document: Object) -> Written:
        """Create an object."""
        read = self.addressed(document)
        begun = {**read, "metadata": {**read["metadata"], "uid": UID}}
        before = deepcopy(begun)
        try:
            allocated, _ = self.strategy.allocate(begun, None, self.taken)
        except Invalid as refusal:
            return Written(begun, causes_of(refusal))
        prepared = prepare_create(self.strategy, allocated, USER)
        assert begun == before
        return Written(prepared.object, prepared.errors, prepared.warnings)

    def update(self, old: Written, document: Object, subresource: str = "") -> Written:
        """Change an object, or what a subresource of it covers."""
        assert subresource in self.strategy.updates
        desired = self.addressed(document)
        before = deepcopy((desired, old.object))
        allocated = desired
        if self.strategy.updates[subresource].allocates:
            try:
                allocated, _ = self.strategy.allocate(desired, old.object, self.taken)
            except Invalid as refusal:
                return Written(desired, causes_of(refusal))
        prepared = prepare_update(self.strategy, allocated, old.object, subresource)
        assert (desired, old.object) == before
        return Written(prepared.object, prepared.errors, prepared.warnings)

    def cells(self, written: Written, now: float = 0) -> list[Any]:
        """Return the object's row."""
        printer = self.strategy.printer
        assert printer is not None
        cells = printer.cells(written.object, now)
        assert len(cells) == len(printer.columns)
        return cells


def causes_of(refusal: Invalid) -> list[FieldError]:
    """Return what an allocation was refused for."""
    assert refusal.details is not None
    causes: Any = refusal.details["causes"]
    return [FieldError(each["reason"], each["field"], each["message"]) for each in causes]


def merged(document: Object, **changes: Any) -> Object:
    """Return a document with changes laid over it, member by member; ``None`` takes one away."""
    result = dict(document)
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merged(result[name], **value)
        else:
            result[name] = value
    return result


@cache
def _strategy(api_version: str, kind: str) -> Strategy:
    return builtin_kind(_definitions()[api_version, kind]).strategy


@cache
def _definitions() -> Mapping[tuple[str, str], ResourceDefinition]:
    found = reversed(builtin_definitions())
    return {(definition.api_version, definition.kind): definition for definition in found}
