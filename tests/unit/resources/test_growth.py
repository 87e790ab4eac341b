"""What a write costs grows as the document does.

Work is counted in calls; comparisons of texts, which no call shows, are made to be some. A list
with twice the items may cost twice as much, not four times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from cProfile import Profile
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
import pytest

from apiserver.endpoints.body import decode_object
from apiserver.endpoints.headers import warning_headers
from apiserver.fieldmanager.errors import FieldManagerError
from apiserver.machinery.errors import Invalid
from apiserver.machinery.objects import Object
from apiserver.machinery.users import SYSTEM_USER
from apiserver.patch import strategic_merge_patch
from apiserver.registry import metadata
from apiserver.registry.field_managers import field_manager_of
from apiserver.registry.preparation import prepare_create, prepare_update
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.kinds import builtin_kind
from apiserver.resources.definition import ResourceDefinition
from apiserver.schema.structtypes import LEAVES, Field, StructType, struct_of_kind, struct_type
from tests.samples import NOW, sample

SIZES = (65, 130)
LIMIT = 2.1
#: So many calls are noise: caches that fill, limits that are reached.
NOISE = 1500
# Documents of many lists, all of them valid: warnings are given of nothing else.
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "n", "labels": {"a": "b"}, "annotations": {"a": "b"}},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "i",
                "ports": [{"containerPort": 80, "hostPort": 80, "hostIP": "10.0.0.1"}],
                "env": [{"name": "A", "value": "$(B)"}],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            }
        ],
        "initContainers": [{"name": "i", "image": "i", "ports": [{"containerPort": 80}]}],
        "imagePullSecrets": [{"name": "s"}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["h"]}],
        "nodeSelector": {"beta.kubernetes.io/os": "linux"},
        "tolerations": [{"key": "k", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "k", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "volumes": [
            {"name": "v", "configMap": {"name": "m", "items": [{"key": "k", "path": "a/b"}]}},
        ],
    },
}
# What every write looks into.
NEEDED = ("metadata", "containers", "spec")
VARIED = frozenset(
    """
    name key ip path mountPath devicePath topologyKey uid conditionType hostname host address
    value containerPort hostPort port protocol driver
    """.split()
)


class Text(str):
    """A text that is compared with others by a call."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)


@dataclass
class Growing:
    """A list or map of a document, which is to grow."""

    definition: ResourceDefinition
    document: Object
    path: tuple[str | int, ...]
    field: Field
    #: Whether the lists around it go.
    alone: bool = False

    def __str__(self) -> str:
        return f"{self.definition.kind} {'.'.join(map(str, self.path))}"

    def with_items(self, count: int, *, distinct: bool) -> Object:
        copy: Object = orjson.loads(orjson.dumps(self.document))
        holder: Any = copy
        for step in self.path[:-1]:
            self._leave(holder, step)
            holder = holder[step]
        self._leave(holder, self.path[-1])
        first = holder[self.path[-1]]
        if self.field.is_map:
            value = first["k"] if self.alone else next(iter(first.values()))
            holder[self.path[-1]] = {f"k{index}": value for index in range(count)}
        else:
            item = flat(first[0]) if self.alone else first[0]
            items = [varied(item, index) if distinct else item for index in range(count)]
            holder[self.path[-1]] = items
        return copy

    def _leave(self, holder: Any, step: str | int) -> None:
        """Take away what is beside a step of the path, where the list is looked at alone."""
        if not self.alone or not isinstance(holder, dict):
            return
        for name, value in list(holder.items()):
            if name == step or not isinstance(value, dict | list):
                continue
            if name not in NEEDED:
                del holder[name]
            elif isinstance(value, list):
                holder[name] = [flat(item) for item in value]


def flat(item: Any) -> Any:
    """Return an item with few structs and no lists in it: those are looked at by themselves."""
    if not isinstance(item, dict):
        return item
    kept = {name: value for name, value in item.items() if not isinstance(value, dict | list)}
    structs = ((name, flat(value)) for name, value in item.items() if isinstance(value, dict))
    return {**kept, **dict(islice(structs, 3))}


def varied(value: Any, index: int, name: str = "name") -> Any:
    if isinstance(value, dict):
        return {member: varied(item, index, member) for member, item in value.items()}
    if isinstance(value, list):
        return [varied(item, index, name) for item in value]
    if name not in VARIED or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value + index
    if value[:1] in "0123456789" and "." not in value:
        return value
    return f"10.0.0.{index}" if value.startswith("10.") else f"{value}-{index}"


def growing(definition: ResourceDefinition, document: Object) -> Iterator[Growing]:
    layout = struct_of_kind(definition.api_version, definition.kind)
    assert layout is not None
    for path, field in lists(layout, document, ()):
        yield Growing(definition, document, path, field)


def lists(
    layout: StructType, value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Field]]:
    for field in layout.members():
        below, here = value.get(field.name), (*path, field.name)
        if not below:
            continue
        if field.is_map:
            yield here, field
        elif field.repeated:
            yield here, field
            if field.type not in LEAVES:
                yield from lists(struct_type(field.type), below[0], (*here, 0))
        elif field.type not in LEAVES:
            yield from lists(struct_type(field.type), below, here)


def pod_definition() -> ResourceDefinition:
    return next(found for found in builtin_definitions() if found.kind == "Pod")


def everything() -> list[Growing]:
    """Return every list of every type, in the first kind that has it."""
    found: dict[tuple[str, ...], Growing] = {}
    for definition in builtin_definitions():
        layout = struct_of_kind(definition.api_version, definition.kind)
        if layout is None or not definition.persisted:
            continue
        for place in growing(definition, sample(layout)):
            place.alone = True
            steps = [step for step in place.path if isinstance(step, str)]
            of_kind = len(steps) < 3 and steps[0] != "metadata"
            owner = definition.kind if of_kind else ""
            found.setdefault((owner, place.field.type, steps[-1]), place)
    return list(found.values())


def counted(work: Callable[[], object]) -> int:
    """Return how many calls ``work`` makes."""
    profile = Profile()
    profile.runcall(work)
    return sum(entry.callcount for entry in profile.getstats())


def texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: texts(member) for name, member in value.items()}
    if isinstance(value, list):
        return [texts(item) for item in value]
    return Text(value) if isinstance(value, str) else value


class Write:
    """The steps of a write of one kind, each of which may be counted."""

    def __init__(self, definition: ResourceDefinition) -> None:
        kind = builtin_kind(definition)
        self.types, self.strategy = kind.types, kind.strategy
        self.manager = field_manager_of(self.types, self.strategy)

    def costs(self, document: Object) -> dict[str, int]:
        """Return what each step costs that depends on the kind."""
        data = orjson.dumps(document)
        read = self.read(data)
        made, others = texts(read), (texts(read), backwards(texts(read)))
        return {
            "decode": counted(lambda: self.read(data)),
            "validate": counted(lambda: self.validate(made)),
            "change": counted(lambda: self.change(made, others)),
        }

    def all_costs(self, document: Object) -> dict[str, int]:
        """Return what each step costs, of a document that is valid but that it may repeat items."""
        data = orjson.dumps(document)
        read = self.read(data)
        return {
            **self.costs(document),
            "own": counted(lambda: self.own(read)),
            "apply": counted(lambda: self.apply(document)),
            "patch": counted(lambda: self.patch(read, data)),
            "warn": counted(lambda: warning_headers(self.strategy.warnings_on_create(read))),
        }

    def read(self, data: bytes) -> Object:
        read = decode_object(data, "application/json", self.types).document
        self.strategy.default(read)
        return read

    def own(self, read: Object) -> None:
        owned = self.manager.update(None, read, manager="a", now=NOW)
        self.manager.update(owned, {**read, "extra": 1}, manager="b", now=NOW)

    def apply(self, document: Object) -> None:
        kind = self.types.kind
        applied = {"apiVersion": kind.api_version, "kind": kind.kind, **document}
        # Items of lists that are maps are the same, or a manager conflicts with another.
        with suppress(FieldManagerError):
            first = self.manager.apply(None, applied, manager="a", now=NOW)
            turned = backwards(applied)
            self.manager.apply(first, turned, manager="a", now=NOW)
            self.manager.apply(first, turned, manager="b", force=True, now=NOW)
            self.manager.apply(first, turned, manager="c", now=NOW)

    def patch(self, read: Object, data: bytes) -> None:
        for document in (data, orjson.dumps(backwards(orjson.loads(data)))):
            patch = strategic_merge_patch.parse(document)
            strategic_merge_patch.apply(read, patch, self.types.schema)

    def validate(self, made: Object) -> None:
        said: list[str] = []
        made = metadata.distinct_owners(made, said.append, admitted=False)
        errors = prepare_create(self.strategy, made, SYSTEM_USER).errors
        str(Invalid.of(self.types.kind, "n", errors))

    def change(self, made: Object, others: Iterable[Object]) -> None:
        for subresource in self.strategy.updates:
            for desired in others:
                prepare_update(self.strategy, desired, made, subresource)


def backwards(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: backwards(member) for name, member in value.items()}
    return [backwards(item) for item in reversed(value)] if isinstance(value, list) else value


def excesses(
    place: Growing, costs: Callable[[Object], dict[str, int]], *, distinct: bool
) -> list[str]:
    """Return the steps that cost too much of a list of twice the items."""
    few, many = SIZES
    # Modules are imported and caches filled before anything is counted.
    costs(place.with_items(1, distinct=distinct))
    # Of the larger list, half of what caches take is known then: it must not seem to grow faster.
    once = costs(place.with_items(few, distinct=distinct))
    twice = costs(place.with_items(many, distinct=distinct))
    return [
        f"{place} ({step}): {once[step]} -> {twice[step]}"
        for step in twice
        if twice[step] > LIMIT * once[step] + NOISE
    ]


@pytest.mark.parametrize("place", everything(), ids=str)
def test_a_list_of_twice_the_items_costs_twice_as_much(place: Growing) -> None:
    costs = Write(place.definition).costs
    found = excesses(place, costs, distinct=True)
    if place.with_items(2, distinct=True) != place.with_items(2, distinct=False):
        found += excesses(place, costs, distinct=False)
    assert found == []


@pytest.mark.parametrize("place", list(growing(pod_definition(), POD)), ids=str)
@pytest.mark.parametrize("distinct", [True, False], ids=["distinct", "identical"])
def test_a_pod_of_twice_the_items_costs_twice_as_much(place: Growing, distinct: bool) -> None:
    costs = Write(place.definition).all_costs
    assert excesses(place, costs, distinct=distinct) == []
