"""Operations and paths, independent of the version of OpenAPI."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files

import orjson

from apiserver.endpoints.negotiation import JSON, PROTOBUF, YAML
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.valueclasses import valueclass

ANY = "*/*"
#: The model of a plain text response.
TEXT = "string"
PRODUCED = (JSON, YAML, PROTOBUF)
_REASONS = {200: "OK", 201: "Created", 202: "Accepted"}


@valueclass
class Parameter:
    """A query or path parameter."""

    name: str
    type: str
    description: str
    place: str = "query"


@valueclass
class Operation:
    """One method of a path. Models are names of definitions."""

    method: str
    name: str
    description: str
    responses: Mapping[int, str]
    produces: Sequence[str] = PRODUCED
    parameters: tuple[Parameter, ...] = ()
    action: str = ""
    kind: GroupVersionKind | None = None
    body: str = ""
    body_required: bool = True
    consumes: Sequence[str] = (ANY,)


@valueclass
class Path:
    """A path with its operations and their common parameters."""

    path: str
    tag: str
    operations: Sequence[Operation]
    parameters: tuple[Parameter, ...] = ()

    def models(self) -> Iterator[str]:
        """Yield the names of the definitions that the path refers to."""
        for operation in self.operations:
            yield from (name for name in operation.responses.values() if name != TEXT)
            if operation.body:
                yield operation.body


def reason(code: int) -> str:
    """Return the reason phrase of a status code."""
    return _REASONS[code]


@cache
def _parameters() -> dict[str, dict[str, Parameter]]:
    data = files(__package__).joinpath("parameters.json").read_bytes()
    tables: dict[str, dict[str, list[str]]] = orjson.loads(data)
    return {
        table: {name: Parameter(name, *row) for name, row in rows.items()}
        for table, rows in tables.items()
    }


def table(name: str) -> tuple[Parameter, ...]:
    """Return a parameter table of ``parameters.json``: that of a verb or of an options kind."""
    return tuple(_parameters().get(name, {}).values())


def common(name: str, description: str = "") -> Parameter:
    """Return a common parameter: ``name``, ``namespace``, ``path`` or ``pretty``."""
    parameter = _parameters()["common"][name]
    place = "query" if name == "pretty" else "path"
    return replace(parameter, place=place, description=description or parameter.description)


def factored(path: Path) -> Path:
    """Move the parameters that all operations share to the path."""
    shared = set(path.operations[0].parameters)
    for operation in path.operations[1:]:
        shared &= set(operation.parameters)
    operations = [
        replace(
            operation,
            parameters=_sorted(each for each in operation.parameters if each not in shared),
        )
        for operation in path.operations
    ]
    return replace(path, operations=operations, parameters=_sorted(shared))


def _sorted(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    return tuple(sorted(parameters, key=lambda each: (each.name, each.place)))
