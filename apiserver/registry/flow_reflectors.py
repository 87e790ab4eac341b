"""Flow control in step with the stored FlowSchemas and PriorityLevelConfigurations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from apiserver.access.flowcontrol.flow_control import ADJUSTMENT_SECONDS, FlowControl
from apiserver.access.flowcontrol.flow_schemas import FlowSchema
from apiserver.machinery.builtin_resources import FLOW_SCHEMAS, PRIORITY_LEVELS
from apiserver.machinery.objects import NamespacedName, Object, name_of
from apiserver.registry.reflector import Reflector, ReflectorTarget
from apiserver.registry.registry import Registry
from apiserver.registry.stored import Stored
from apiserver.resources.builtin.flowcontrol.bootstrap import (
    bootstrap_flow_schemas,
    bootstrap_priority_levels,
)

_MANDATORY: Final = ("exempt", "catch-all")


def build_flow_control(seats: int) -> FlowControl:
    """Return flow control with the mandatory objects."""
    return FlowControl(
        seats, _mandatory(bootstrap_flow_schemas()), _mandatory(bootstrap_priority_levels())
    )


def _mandatory(objects: Sequence[Object]) -> list[Object]:
    return [each for each in objects if name_of(each) in _MANDATORY]


class _Schemas(ReflectorTarget):
    def __init__(self, control: FlowControl) -> None:
        self._control = control

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        self._control.put_schema(FlowSchema(stored.object))

    def remove(self, key: NamespacedName) -> None:
        self._control.remove_schema(key[1])


class _Levels(ReflectorTarget):
    def __init__(self, control: FlowControl) -> None:
        self._control = control

    async def put(self, key: NamespacedName, stored: Stored) -> None:
        self._control.put_level(stored.object)

    def remove(self, key: NamespacedName) -> None:
        self._control.remove_level(key[1])


def flow_reflectors(registry: Registry, control: FlowControl) -> Sequence[Reflector]:
    """Return the reflectors that keep flow control in step."""
    return [
        Reflector(registry, PRIORITY_LEVELS, _Levels(control)),
        Reflector(registry, FLOW_SCHEMAS, _Schemas(control)),
    ]


async def adjust_periodically(control: FlowControl) -> None:
    """Let the priority levels lend and borrow seats until cancelled."""
    while True:
        await asyncio.sleep(ADJUSTMENT_SECONDS)
        control.adjust()
