"""Publishes the authorities that this server trusts, for API servers behind it.

The ConfigMap ``extension-apiserver-authentication`` in kube-system has the authorities of clients
and of proxies, and the headers of the latter. It is shared with other servers, so what they have
written is kept, but for certificates that have expired.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from apiserver.client.client import Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.builtin_resources import CONFIG_MAPS
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import dump_json, parse_json
from apiserver.machinery.errors import AlreadyExists, NotFound
from apiserver.machinery.objects import name_of
from apiserver.machinery.times import system_clock

NAME: Final = "extension-apiserver-authentication"
NAMESPACE: Final = "kube-system"
CONTROLLER: Final = "cluster_authentication_trust_controller"
_CERTIFICATES: Final = ("client-ca-file", "requestheader-client-ca-file")
_CERTIFICATE: Final = re.compile(
    r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


class ClusterAuthenticationTrustController:
    """Reconciles the ConfigMap, the only key; ``published`` is what it must have.

    Authorities are in PEM, names are lists in JSON.
    """

    sources: Sequence[EventSource]

    def __init__(self, client: Client, published: Mapping[str, str]) -> None:
        self._client = client
        self._published = published
        self.sources = (EventSource(CONFIG_MAPS, f"metadata.name={NAME}", _enqueue, NAMESPACE),)

    async def feed(self, queue: WorkQueue) -> None:
        """Enqueue the ConfigMap, which may not exist."""
        queue.add(NAME)

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            found = await self._client.get(CONFIG_MAPS, NAMESPACE, key)
        except NotFound:
            metadata = {"name": key, "namespace": NAMESPACE}
            try:
                await self._client.create(
                    CONFIG_MAPS, {"metadata": metadata, "data": dict(self._published)}
                )
            except AlreadyExists:
                # Created by another server, which the watch shows.
                return None
            return None
        data = found.get("data") or {}
        combined = {**data}
        for name, value in self._published.items():
            combine = combined_certificates if name in _CERTIFICATES else combined_names
            combined[name] = combine(data.get(name, ""), value)
        if combined != data:
            await self._client.update(CONFIG_MAPS, {**found, "data": combined})
        return None


def combined_names(existing: str, own: str) -> str:
    """Return two lists of names as one; a text that is no list counts as an empty one."""
    return dump_json(list(dict.fromkeys([*_names(existing), *_names(own)]))).decode()


def combined_certificates(existing: str, own: str) -> str:
    """Return the certificates of two files, each once; those of others only if they are valid."""
    ours = _CERTIFICATE.findall(own)
    others = [pem for pem in _CERTIFICATE.findall(existing) if pem not in ours]
    if not others:
        return own
    return "".join(f"{pem}\n" for pem in (*filter(_is_valid, others), *ours))


def _names(text: str) -> list[str]:
    try:
        found = parse_json(text.encode())
    except DocumentError:
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def _is_valid(pem: str) -> bool:
    from cryptography.x509 import load_pem_x509_certificate

    try:
        certificate = load_pem_x509_certificate(pem.encode())
    except ValueError:
        return False
    return certificate.not_valid_after_utc.timestamp() > system_clock().time()


def _enqueue(queue: WorkQueue, event: ObjectEvent) -> None:
    queue.add(name_of(event.object))
