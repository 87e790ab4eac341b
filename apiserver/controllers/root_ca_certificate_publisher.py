"""Root CA certificate publisher: every active namespace has the ConfigMap ``kube-root-ca.crt``.

It has the certificate authority by which Pods verify the API server. A deleted or changed one is
restored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.builtin_resources import CONFIG_MAPS, NAMESPACES
from apiserver.machinery.errors import AlreadyExists, NotFound
from apiserver.machinery.objects import Object, annotations_of, name_of, namespace_of, with_metadata

NAME: Final = "kube-root-ca.crt"
_DESCRIPTION: Final = "kubernetes.io/description"
# A published text, which clients see.
_TEXT: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    "guaranteed across distributions of Kubernetes clusters."
)


class RootCACertificatePublisher:
    """Reconciles namespaces; keys are their names. ``root_ca`` is in PEM."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, root_ca: str) -> None:
        self._client = client
        self._data = {"ca.crt": root_ca}
        self.sources = (
            EventSource(NAMESPACES, "status.phase=Active", _enqueue_namespace),
            EventSource(CONFIG_MAPS, f"metadata.name={NAME}", _enqueue_namespace_of),
        )

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            published = await self._client.get(CONFIG_MAPS, key, NAME)
        except NotFound:
            await self._create(key)
            return None
        if published.get("data") != self._data or not annotations_of(published).get(_DESCRIPTION):
            await self._restore(published)
        return None

    async def _create(self, namespace: str) -> None:
        try:
            found = await self._client.get(NAMESPACES, "", namespace)
            if "deletionTimestamp" in found["metadata"]:
                return
            metadata = {"name": NAME, "namespace": namespace, "annotations": {_DESCRIPTION: _TEXT}}
            await self._client.create(CONFIG_MAPS, {"metadata": metadata, "data": self._data})
        except (AlreadyExists, NotFound):
            # Created by another server, or the namespace was deleted.
            return

    async def _restore(self, published: Object) -> None:
        annotations = {**annotations_of(published), _DESCRIPTION: _TEXT}
        desired = with_metadata({**published, "data": self._data}, annotations=annotations)
        try:
            await self._client.update(CONFIG_MAPS, desired)
        except NotFound:
            # The watch shows that it was deleted.
            return


def _enqueue_namespace(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED:
        queue.add(name_of(event.object))


def _enqueue_namespace_of(queue: WorkQueue, event: ObjectEvent) -> None:
    queue.add(namespace_of(event.object))
