"""Owners and dependents: traffic, what must be left of it, and what its log must not show.

The guarantee is *Collected*: nothing is deleted while one of its owners is alive, and once all is
quiet no dependent is left without an owner, no owner waits for its dependents, and no namespace for
its content.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, cast

from storage.interface import Batch, Store
from tests.robustness.servers.http import Answer, Api, Broken, NotSent

ROOT: Final = "/registry/"
POLICIES: Final = ("Background", "Foreground", "Orphan")
KINDS: Final = {"configmaps": "ConfigMap", "secrets": "Secret"}
_PAUSE: Final = 0.05
_FOREGROUND: Final = "foregroundDeletion"


@dataclass(frozen=True, slots=True)
class Entry:
    """One change in the log of the store: a key, and its object before and after."""

    revision: int
    key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def entries_of(batch: Batch[bytes]) -> Iterator[Entry]:
    """Return what happened in a batch."""
    for event in batch.events:
        before, after = (
            None if record is None else json.loads(record.value)
            for record in (event.previous, event.record)
        )
        yield Entry(event.revision, event.key, before, after)


async def read_log(store: Store[bytes], prefix: str) -> list[Entry]:
    """Return everything that ever happened below a prefix."""
    newest, entries = await store.revision(), list[Entry]()
    watch = cast("AsyncGenerator[Batch[bytes], None]", store.watch(prefix, after=1))
    async with aclosing(watch) as batches:
        async for batch in batches:
            entries += entries_of(batch)
            if batch.revision >= newest:
                return entries
            store.request_progress()
    raise AssertionError("the watch has ended")


def collected_too_early(log: Sequence[Entry]) -> Iterator[str]:
    """Say of every object that was removed while one of its owners was alive."""
    alive: set[str] = set()
    for entry in log:
        document = entry.after or entry.before
        assert document is not None
        metadata = document["metadata"]
        if entry.after is None:
            owners = [each["uid"] for each in metadata.get("ownerReferences") or ()]
            for uid in alive.intersection(owners):
                yield (
                    f"Collected: {entry.key} was removed at {entry.revision}, and its owner {uid} "
                    "was alive"
                )
            alive.discard(metadata["uid"])
        elif "deletionTimestamp" in metadata and _FOREGROUND in metadata.get("finalizers", ()):
            # Such an owner waits for its dependents to go before it.
            alive.discard(metadata["uid"])
        else:
            alive.add(metadata["uid"])


@dataclass
class Client:
    """Sends each request, through any of the servers, until it knows what became of it."""

    urls: Sequence[str]
    _api: Api | None = None
    _turn: int = 0

    async def create(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Create an object that nobody else creates, and return it."""
        while True:
            answer = await self._send("POST", path, document)
            if answer.status == 409:
                # One that was sent before has come through.
                answer = await self._send("GET", f"{path}/{document['metadata']['name']}")
            if answer.status in (200, 201):
                created: dict[str, Any] = answer.json
                return created
            assert answer.status in (404, 409, 429) or answer.status >= 500, answer
            await asyncio.sleep(_PAUSE)

    async def delete(self, path: str, uid: str, policy: str) -> None:
        """Delete an object, or see that it is being deleted."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": policy}
        while True:
            answer = await self._send("DELETE", path, options)
            if answer.status in (200, 404):
                return
            assert answer.status in (409, 429) or answer.status >= 500, answer
            await asyncio.sleep(_PAUSE)

    async def read(self, path: str) -> Answer:
        """Read what is there now."""
        while True:
            answer = await self._send("GET", path)
            if answer.status in (200, 404):
                return answer
            await asyncio.sleep(_PAUSE)

    async def _send(self, method: str, path: str, body: Any = None) -> Answer:
        while True:
            if self._api is None:
                self._turn += 1
                self._api = Api.at(self.urls[self._turn % len(self.urls)])
            try:
                return await self._api.send(method, path, body)
            except (NotSent, Broken):
                self.close()
                await asyncio.sleep(_PAUSE)

    def close(self) -> None:
        """Close the connection."""
        if self._api is not None:
            self._api.close()
        self._api = None


@dataclass
class Ownership:
    """The traffic in a namespace; ``expected`` are the owners that each object must keep."""

    namespace: str
    anchor: dict[str, Any]
    chance: random.Random
    expected: dict[str, set[str]] = field(default_factory=dict)
    families: int = 0
    namespaces: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    async def run(self, client: Client, over: asyncio.Event) -> None:
        """Make families and end them, until it is over."""
        while not over.is_set():
            if self.chance.random() < 0.05:
                await self._namespace(client)
            else:
                await self._family(client)
            self.families += 1

    async def _family(self, client: Client) -> None:
        number, chance = next(self._numbers), self.chance
        owner = await self._make(client, "configmaps", f"f{number}")
        children = []
        for index in range(chance.randint(1, 4)):
            kind, anchored = chance.choice(list(KINDS)), chance.random() < 0.3
            owners = [owner, self.anchor] if anchored else [owner]
            name = f"f{number}-{index}"
            child = await self._make(client, kind, name, *owners)
            below = [
                await self._make(client, chance.choice(list(KINDS)), f"{name}-{each}", child)
                for each in range(chance.randint(0, 2))
            ]
            children.append((child, anchored, below))
        if chance.random() < 0.2:
            return
        policy = chance.choice(POLICIES)
        uid = owner["metadata"]["uid"]
        del self.expected[_path(owner)]
        for child, anchored, below in children:
            if policy == "Orphan" or anchored:
                self.expected[_path(child)].discard(uid)
            else:
                for each in (child, *below):
                    del self.expected[_path(each)]
        await client.delete(self._collection("configmaps") + f"/f{number}", uid, policy)

    async def _make(
        self, client: Client, resource: str, name: str, *owners: dict[str, Any]
    ) -> dict[str, Any]:
        references = [
            {
                "apiVersion": "v1",
                "kind": each["kind"],
                "name": each["metadata"]["name"],
                "uid": each["metadata"]["uid"],
                "blockOwnerDeletion": self.chance.random() < 0.5,
            }
            for each in owners
        ]
        document = {
            "apiVersion": "v1",
            "kind": KINDS[resource],
            "metadata": {"name": name, "ownerReferences": references},
        }
        made = await client.create(self._collection(resource), document)
        self.expected[_path(made)] = {each["uid"] for each in references}
        return made

    async def _namespace(self, client: Client) -> None:
        name = f"{self.namespace}-{next(self._numbers)}"
        made = await client.create("/api/v1/namespaces", {"metadata": {"name": name}})
        for resource in KINDS:
            path = f"/api/v1/namespaces/{name}/{resource}"
            await client.create(path, {"metadata": {"name": "content"}})
        await client.delete(f"/api/v1/namespaces/{name}", made["metadata"]["uid"], "Background")
        self.namespaces.append(name)

    async def differences(self, client: Client) -> list[str]:
        """Return in which way what is there differs from what must be left."""
        found: dict[str, set[str]] = {}
        wrong = []
        for resource, kind in KINDS.items():
            for each in (await client.read(self._collection(resource))).json["items"]:
                metadata = each["metadata"]
                if metadata["name"] == "anchor" or not metadata["name"].startswith("f"):
                    continue
                if "deletionTimestamp" in metadata:
                    wrong.append(f"Collected: {metadata['name']} waits to be deleted")
                owners = metadata.get("ownerReferences") or ()
                path = _path({"kind": kind, **each})
                found[path] = {owner["uid"] for owner in owners}
        wrong += [
            f"Collected: {path} is left" for path in sorted(found.keys() - self.expected.keys())
        ]
        wrong += [
            f"Collected: {path} is missing" for path in sorted(self.expected.keys() - found.keys())
        ]
        wrong += [
            f"Collected: {path} is owned by {found[path]}, not by {owners}"
            for path, owners in self.expected.items()
            if found.get(path, owners) != owners
        ]
        for name in self.namespaces:
            if (await client.read(f"/api/v1/namespaces/{name}")).status != 404:
                wrong.append(f"Collected: the namespace {name} is left")
        return wrong

    def _collection(self, resource: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/{resource}"


def _path(document: dict[str, Any]) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"
