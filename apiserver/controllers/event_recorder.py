"""EventRecorder: records Events about objects.

An event that is recorded again is counted, not created again.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Final

from apiserver.client.client import Client
from apiserver.machinery.builtin_resources import EVENTS
from apiserver.machinery.errors import NotFound, StatusError
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.times import now

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
_DEFAULT_NAMESPACE: Final = "default"
_MAX_KNOWN: Final = 4096

log = logging.getLogger(__name__)

#: The uid of the object, type, reason and message of an event.
_Key = tuple[str, str, str, str]


class EventRecorder:
    """Records events of one component."""

    def __init__(self, client: Client, component: str) -> None:
        self._client = client
        self._component = component
        self._known: OrderedDict[_Key, tuple[str, int]] = OrderedDict()

    async def record(self, regarding: Object, type_: str, reason: str, message: str) -> None:
        """Record an event about the object that an ObjectReference is about.

        An event that cannot be written is logged.
        """
        key = (regarding.get("uid", ""), type_, reason, message)
        namespace = regarding.get("namespace") or _DEFAULT_NAMESPACE
        try:
            if not await self._count(key, namespace):
                await self._create(key, namespace, regarding)
        except StatusError as error:
            log.warning("%s: an event was not written: %s", self._component, error)

    async def _count(self, key: _Key, namespace: str) -> bool:
        if key not in self._known:
            return False
        name, count = self._known[key]
        patch = {"count": count + 1, "lastTimestamp": now()}
        try:
            await self._client.patch(EVENTS, namespace, name, patch)
        except NotFound:
            # It has expired.
            return False
        self._known[key] = (name, count + 1)
        return True

    async def _create(self, key: _Key, namespace: str, regarding: Object) -> None:
        _, type_, reason, message = key
        moment = now()
        name = f"{regarding.get('name', '')}.{time.time_ns():016x}"
        event = {
            "kind": "Event",
            "apiVersion": EVENTS.api_version,
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": regarding,
            "type": type_,
            "reason": reason,
            "message": message,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
        }
        created = await self._client.create(EVENTS, event)
        self._known[key] = (name_of(created), 1)
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
