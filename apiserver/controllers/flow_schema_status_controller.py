"""Flow schema status controller: the Dangling condition of every FlowSchema.

It belongs to the API server itself and runs whatever ``--controllers`` says (KEP-1040).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.builtin_resources import FLOW_SCHEMAS, PRIORITY_LEVELS
from apiserver.machinery.errors import NotFound
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.quoting import quote
from apiserver.machinery.times import now

_MANAGER: Final = "api-priority-and-fairness-config-consumer-v1"
_DANGLING: Final = "Dangling"
_LEVEL: Final = "level/"


class FlowSchemaStatusController:
    """Reconciles flow schemas; keys are their names, or ``level/`` and that of a priority level."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client) -> None:
        self._client = client
        self.sources = (
            EventSource(FLOW_SCHEMAS, "", _enqueue_schema),
            EventSource(PRIORITY_LEVELS, "", _enqueue_level),
        )

    async def reconcile(self, key: str) -> Requeue | None:
        level = key.removeprefix(_LEVEL)
        if level == key:
            try:
                schemas = [await self._client.get(FLOW_SCHEMAS, "", key)]
            except NotFound:
                return None
            level = _level_of(schemas[0])
        else:
            listed = await self._client.list(FLOW_SCHEMAS)
            schemas = [schema for schema in listed.items if _level_of(schema) == level]
        if schemas:
            exists = await self._exists(level)
            for schema in schemas:
                await self._apply(schema, level, exists=exists)
        return None

    async def _exists(self, level: str) -> bool:
        try:
            await self._client.get(PRIORITY_LEVELS, "", level)
        except NotFound:
            return False
        return True

    async def _apply(self, schema: Object, level: str, *, exists: bool) -> None:
        current = _condition_of(schema)
        wanted = _condition(level, exists=exists)
        if all(current.get(member) == value for member, value in wanted.items()):
            return
        unchanged = current.get("status") == wanted["status"]
        since = current.get("lastTransitionTime") if unchanged else None
        wanted["lastTransitionTime"] = since or now()
        document = {
            "kind": "FlowSchema",
            "apiVersion": FLOW_SCHEMAS.api_version,
            "metadata": {"name": name_of(schema)},
            "status": {"conditions": [wanted]},
        }
        try:
            await self._client.apply(FLOW_SCHEMAS, document, manager=_MANAGER, subresource="status")
        except NotFound:
            # It has been deleted since.
            return


def _condition(level: str, *, exists: bool) -> dict[str, Any]:
    end = "and it exists" if exists else "but there is no such object"
    return {
        "type": _DANGLING,
        "status": "False" if exists else "True",
        "reason": "Found" if exists else "NotFound",
        "message": "This FlowSchema references the PriorityLevelConfiguration object named "
        f"{quote(level)} {end}",
    }


def _condition_of(schema: Object) -> dict[str, Any]:
    conditions = (schema.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == _DANGLING), {})


def _level_of(schema: Object) -> str:
    spec = schema.get("spec") or {}
    return str((spec.get("priorityLevelConfiguration") or {}).get("name", ""))


def _enqueue_schema(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED:
        queue.add(name_of(event.object))


def _enqueue_level(queue: WorkQueue, event: ObjectEvent) -> None:
    queue.add(_LEVEL + name_of(event.object))
