"""Events about Services whose endpoints cannot be written."""

from __future__ import annotations

from typing import Final

from apiserver.client.client import Client
from apiserver.controllers.event_recorder import WARNING, EventRecorder
from apiserver.machinery.errors import Forbidden, StatusError
from apiserver.machinery.objects import Object, name_of, namespace_of

_TERMINATING: Final = "NamespaceTerminating"


class FailureEvents:
    """Records events of one component about objects of core/v1."""

    def __init__(self, client: Client, component: str) -> None:
        self._recorder = EventRecorder(client, component)

    async def record(self, document: Object, kind: str, reason: str, message: str) -> None:
        """Record a warning about an object; it may not exist yet."""
        metadata = document["metadata"]
        reference = {
            "kind": kind,
            "apiVersion": "v1",
            "namespace": namespace_of(document),
            "name": name_of(document),
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        given = {name: value for name, value in reference.items() if value}
        await self._recorder.record(given, WARNING, reason, message)


def is_terminating(error: StatusError) -> bool:
    """Return whether nothing can be created in a namespace any more."""
    causes = (error.details or {}).get("causes") or ()
    terminating = any(each.get("reason") == _TERMINATING for each in causes)
    return isinstance(error, Forbidden) and terminating
