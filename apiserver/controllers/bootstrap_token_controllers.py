"""Controllers of bootstrap tokens: expired ones are deleted, the others sign the cluster's address.

A node that joins a cluster has a token, but no certificate to verify the API server with. So the
ConfigMap ``cluster-info`` in kube-public, which is for all to read, has a signature of its
kubeconfig with each token: a JSON Web Signature without its content (RFC 7515, appendix F).
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.bootstraptokens import (
    ID,
    NAME_PREFIX,
    NAMESPACE,
    SECRET,
    SIGNING,
    TYPE,
    expiration_of,
    has_expired,
    text_of,
)
from apiserver.machinery.builtin_resources import CONFIG_MAPS, SECRETS
from apiserver.machinery.documents import dump_json
from apiserver.machinery.errors import Conflict, NotFound
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.options import DeleteOptions
from apiserver.machinery.times import Clock, system_clock

CLUSTER_INFO: Final = "cluster-info"
PUBLIC_NAMESPACE: Final = "kube-public"
_OF_TYPE: Final = f"type={TYPE}"
_KUBECONFIG: Final = "kubeconfig"
_SIGNATURE: Final = "jws-kubeconfig-"


class TokenCleaner:
    """Deletes expired tokens; keys are the names of their Secrets."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or system_clock()
        self.sources = (EventSource(SECRETS, _OF_TYPE, _enqueue_token, NAMESPACE),)

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            secret = await self._client.get(SECRETS, NAMESPACE, key)
        except NotFound:
            return None
        expiration = expiration_of(secret)
        if secret.get("type") != TYPE or expiration is None:
            return None
        left = expiration - self._clock.time()
        if left > 0:
            return Requeue(left)
        try:
            options = DeleteOptions(uid=secret["metadata"]["uid"])
            await self._client.delete(SECRETS, NAMESPACE, key, options)
        except (Conflict, NotFound):
            # Another one of that name, or none.
            return None
        return None


class BootstrapSigner:
    """Signs the kubeconfig of the cluster with all tokens; the only key is its ConfigMap."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or system_clock()
        self.sources = (
            EventSource(
                CONFIG_MAPS,
                f"metadata.name={CLUSTER_INFO}",
                _enqueue_cluster_info,
                PUBLIC_NAMESPACE,
            ),
            EventSource(SECRETS, _OF_TYPE, _enqueue_for_token, NAMESPACE),
        )

    async def reconcile(self, key: str) -> Requeue | None:
        try:
            published = await self._client.get(CONFIG_MAPS, PUBLIC_NAMESPACE, key)
        except NotFound:
            return None
        data = published.get("data") or {}
        content = data.get(_KUBECONFIG)
        if content is None:
            return None
        tokens = await self._client.list(SECRETS, NAMESPACE, field_selector=_OF_TYPE)
        others = {name: value for name, value in data.items() if not name.startswith(_SIGNATURE)}
        signed = {**others, **self._signatures(content, tokens.items)}
        if signed != data:
            await self._client.update(CONFIG_MAPS, {**published, "data": signed})
        return None

    def _signatures(self, content: str, secrets: Iterable[Object]) -> dict[str, str]:
        now = self._clock.time()
        found = {}
        for secret in secrets:
            token_id, token_secret = text_of(secret, ID), text_of(secret, SECRET)
            if (
                token_id
                and token_secret
                and name_of(secret) == NAME_PREFIX + token_id
                and text_of(secret, SIGNING) == "true"
                and not has_expired(secret, now)
            ):
                signature = detached_signature(content, token_id, token_secret)
                found[_SIGNATURE + token_id] = signature
        return found


def detached_signature(content: str, token_id: str, token_secret: str) -> str:
    """Return the signature of a content with a token (HS256), without the content."""
    header = _encoded(dump_json({"alg": "HS256", "kid": token_id}))
    signed = f"{header}.{_encoded(content.encode())}".encode()
    digest = hmac.new(token_secret.encode(), signed, hashlib.sha256).digest()
    return f"{header}..{_encoded(digest)}"


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _enqueue_token(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED:
        queue.add(name_of(event.object))


def _enqueue_cluster_info(queue: WorkQueue, event: ObjectEvent) -> None:
    if event.type != DELETED:
        queue.add(CLUSTER_INFO)


def _enqueue_for_token(queue: WorkQueue, event: ObjectEvent) -> None:
    queue.add(CLUSTER_INFO)
