"""Tokens controller: Secrets of type ``kubernetes.io/service-account-token`` have a token.

A Secret names its account in an annotation. It gets a token that does not expire, the namespace and
the certificate authority of the API, and is deleted with its account. An account that refers to a
deleted token Secret loses the reference.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, Final

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.client.workqueue import WorkQueue
from apiserver.controllers.controller import EventSource, Requeue
from apiserver.machinery.builtin_resources import SECRETS, SERVICE_ACCOUNTS
from apiserver.machinery.errors import Conflict, NotFound
from apiserver.machinery.legacytokens import ACCOUNT_NAME, ACCOUNT_UID, TOKEN_TYPE
from apiserver.machinery.objects import (
    Object,
    annotations_of,
    name_of,
    namespace_of,
    with_metadata,
)
from apiserver.machinery.options import DeleteOptions

_OF_TYPE: Final = f"type={TOKEN_TYPE}"
_CA, _NAMESPACE, _TOKEN = "ca.crt", "namespace", "token"

#: Returns a token of an account (the first argument) that a Secret (the second one) holds.
Issue = Callable[[Object, Object], str]


class ServiceAccountTokensController:
    """Reconciles token Secrets; keys are ``NAMESPACE/NAME``. ``root_ca`` is in PEM."""

    sources: Sequence[EventSource]

    def __init__(self, client: Client, issue: Issue, root_ca: str = "") -> None:
        self._client = client
        self._issue = issue
        self._root_ca = root_ca
        # The Secrets of accounts, by namespace and name, for accounts that are deleted.
        self._secrets: dict[tuple[str, str], set[str]] = {}
        self.sources = (
            EventSource(SECRETS, _OF_TYPE, self._enqueue_secret),
            EventSource(SERVICE_ACCOUNTS, "", self._enqueue_account),
        )

    async def reconcile(self, key: str) -> Requeue | None:
        namespace, _, name = key.partition("/")
        try:
            secret = await self._client.get(SECRETS, namespace, name)
        except NotFound:
            await self._forget(namespace, name)
            return None
        if secret.get("type") != TOKEN_TYPE or "deletionTimestamp" in secret["metadata"]:
            return None
        account = await self._account_of(secret)
        try:
            if account is None:
                await self._delete(secret)
            else:
                await self._complete(secret, account)
        except (Conflict, NotFound):
            # The watch shows what has changed.
            return None
        return None

    async def _account_of(self, secret: Object) -> Object | None:
        """Return the account that a Secret is for, ``None`` if it has been deleted."""
        annotations = annotations_of(secret)
        name, uid = annotations.get(ACCOUNT_NAME, ""), annotations.get(ACCOUNT_UID, "")
        if not name:
            return None
        try:
            account = await self._client.get(SERVICE_ACCOUNTS, namespace_of(secret), name)
        except NotFound:
            return None
        return account if uid in ("", account["metadata"]["uid"]) else None

    async def _delete(self, secret: Object) -> None:
        metadata = secret["metadata"]
        options = DeleteOptions(uid=metadata["uid"], resource_version=metadata["resourceVersion"])
        await self._client.delete(SECRETS, namespace_of(secret), name_of(secret), options)

    async def _complete(self, secret: Object, account: Object) -> None:
        annotations = {
            **annotations_of(secret),
            ACCOUNT_NAME: name_of(account),
            ACCOUNT_UID: account["metadata"]["uid"],
        }
        data: dict[str, Any] = {**(secret.get("data") or {})}
        if self._root_ca:
            data[_CA] = _encoded(self._root_ca)
        if not data.get(_NAMESPACE):
            data[_NAMESPACE] = _encoded(namespace_of(secret))
        if not data.get(_TOKEN):
            data[_TOKEN] = _encoded(self._issue(account, secret))
        if data == secret.get("data") and annotations == annotations_of(secret):
            return
        desired = with_metadata({**secret, "data": data}, annotations=annotations)
        await self._client.update(SECRETS, desired)

    async def _forget(self, namespace: str, name: str) -> None:
        """Remove the references of accounts to a Secret that is gone."""
        for (where, account), secrets in list(self._secrets.items()):
            if where != namespace or name not in secrets:
                continue
            secrets.discard(name)
            try:
                found = await self._client.get(SERVICE_ACCOUNTS, namespace, account)
                references = found.get("secrets") or []
                kept = [each for each in references if each.get("name") != name]
                if len(kept) < len(references):
                    await self._client.update(SERVICE_ACCOUNTS, {**found, "secrets": kept})
            except NotFound:
                continue

    def _enqueue_secret(self, queue: WorkQueue, event: ObjectEvent) -> None:
        secret = event.object
        key = namespace_of(secret), annotations_of(secret).get(ACCOUNT_NAME, "")
        if event.type != DELETED:
            self._secrets.setdefault(key, set()).add(name_of(secret))
        queue.add(f"{namespace_of(secret)}/{name_of(secret)}")

    def _enqueue_account(self, queue: WorkQueue, event: ObjectEvent) -> None:
        key = namespace_of(event.object), name_of(event.object)
        for secret in self._secrets.get(key, ()):
            queue.add(f"{key[0]}/{secret}")
        if event.type == DELETED:
            self._secrets.pop(key, None)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
