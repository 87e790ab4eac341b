"""Clients of servers: they create, patch, delete, read, list, try things out and watch.

Each request of a client goes to any of its servers, so that what was written through one is read
through another. Every value is written once, so that whoever sees it knows which call it came from.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from operator import attrgetter
from typing import Any, Final
from urllib.parse import quote

from storage.interface import ABSENT
from tests.robustness.history import (
    OK,
    REFUSED,
    UNKNOWN,
    Change,
    History,
    Operation,
    State,
    Watched,
)
from tests.robustness.servers.http import MERGE_PATCH, Answer, Api, Broken, NotSent

#: A patch that says nothing of what it expects, but that the object is there.
ANY: Final = -1
#: Kubernetes' refusals say what was found: an object, none, another one than was expected.
EXISTS, MISSING, CHANGED = "AlreadyExists", "NotFound", "Conflict"
#: What stands for an object that was there, where nothing else is told of it.
SOMETHING: Final = State("", "", 0, 0)

_KEYS: Final = 12
_PAGE: Final = 4
_PAUSE: Final = 0.02
# The server says of these that nothing has changed: too many requests, the store is out of reach.
_HARMLESS: Final = ("TooManyRequests", "ServerTimeout", "Expired")
_numbers = itertools.count()


class Client:
    """Does one thing after the other, on a few objects that it shares with the other clients."""

    def __init__(self, name: str, urls: Sequence[str], history: History, seed: int) -> None:
        self._name = name
        self._apis = [Api.at(url) for url in urls]
        self._history = history
        self._random = random.Random(f"{seed}-{name}")
        self._known: dict[str, State | None] = {}

    async def run(self, collection: str, over: asyncio.Event, pause: float) -> None:
        """Go on until it is over."""
        self._collection = collection
        steps = {
            self._put: 10,
            self._patch_whatever_is_there: 2,
            self._delete: 3,
            self._change_nothing: 2,
            self._try: 3,
            self._get: 4,
            self._list: 2,
        }
        try:
            while not over.is_set():
                (step,) = self._random.choices(list(steps), weights=list(steps.values()))
                await step(f"{self._random.randrange(_KEYS):02}")
                await asyncio.sleep(pause)
        finally:
            for api in self._apis:
                api.close()

    async def _put(self, key: str) -> None:
        known, value = self._known.get(key), self._value()
        expected = ABSENT if known is None else known.revision
        operation = self._begin("put", key, value=value, expected=expected)
        await self._call(operation, *_writing(key, value, expected))

    async def _patch_whatever_is_there(self, key: str) -> None:
        value = self._value()
        operation = self._begin("put", key, value=value, expected=ANY)
        await self._call(operation, *_writing(key, value, ANY))

    async def _delete(self, key: str) -> None:
        known = self._known.get(key)
        if known is not None:
            operation = self._begin("delete", key, expected=known.revision)
            await self._call(operation, *_deleting(key, known.revision))

    async def _change_nothing(self, key: str) -> None:
        """Patch an object to what it is: the answer is what is there, and nothing is written."""
        known = self._known.get(key)
        if known is not None:
            operation = self._begin("same", key, value=known.value, expected=known.revision)
            await self._call(operation, *_writing(key, known.value, known.revision))

    async def _try(self, key: str) -> None:
        """Do a dry run: the answer is what would be, and nothing is written."""
        known = self._known.get(key)
        expected = ABSENT if known is None else known.revision
        if known is not None and self._random.random() < 0.5:
            operation = self._begin("dry-delete", key, expected=expected)
            method, path, body = _deleting(key, expected)
        else:
            value = self._value()
            operation = self._begin("dry-put", key, value=value, expected=expected)
            method, path, body = _writing(key, value, expected)
        if method == "DELETE":
            # Options in the body are all there are.
            await self._call(operation, method, path, {**body, "dryRun": ["All"]})
        else:
            await self._call(operation, method, f"{path}?dryRun=All", body)

    async def _get(self, key: str) -> None:
        await self._call(self._begin("get", key), "GET", f"/{key}")

    async def _list(self, _: str) -> None:
        operation = self._begin("list", "")
        operation.outcome = REFUSED
        path, states, token = f"?limit={_PAGE}", [], ""
        while True:
            try:
                answer = await self._api().send("GET", self._collection + path + token)
            except (NotSent, Broken):
                await asyncio.sleep(_PAUSE)
                return
            # The pages after the first are of its revision, so it is what must be fresh.
            if not token:
                operation.returned = time.monotonic()
            if answer.status != 200:
                await asyncio.sleep(_PAUSE)
                return
            states += map(state_of, answer.json["items"])
            metadata = answer.json["metadata"]
            if "continue" not in metadata:
                break
            token = f"&continue={quote(metadata['continue'])}"
        operation.outcome = OK
        operation.states = states
        operation.revision = int(metadata["resourceVersion"])

    async def _call(
        self, operation: Operation, method: str, path: str, body: dict[str, Any] | None = None
    ) -> None:
        media_type = MERGE_PATCH if method == "PATCH" else "application/json"
        try:
            answer = await self._api().send(
                method, self._collection + path, body, media_type=media_type
            )
        except NotSent:
            operation.outcome = REFUSED
        except Broken:
            operation.outcome = UNKNOWN
        else:
            self._note(operation, answer)
        operation.returned = time.monotonic()
        if operation.outcome in (REFUSED, UNKNOWN):
            await asyncio.sleep(_PAUSE)
        elif operation.outcome in (EXISTS, CHANGED):
            await self._get(operation.key)

    def _note(self, operation: Operation, answer: Answer) -> None:
        key = operation.key
        if answer.status < 300:
            operation.outcome = OK
            document = answer.json
            if document["kind"] != "Status" and not operation.kind.startswith("dry"):
                operation.state = state_of(document)
            if operation.kind in ("put", "get"):
                self._known[key] = operation.state
            elif operation.kind == "delete":
                self._known[key] = None
            return
        reason = answer.reason
        if operation.kind == "get" and reason == MISSING:
            operation.outcome = OK
        elif reason in (EXISTS, MISSING, CHANGED):
            operation.outcome = reason
        elif reason in _HARMLESS:
            operation.outcome = REFUSED
        else:
            assert answer.status >= 500, answer
            operation.outcome = UNKNOWN
        if reason == MISSING:
            self._known[key] = None

    def _api(self) -> Api:
        return self._random.choice(self._apis)

    def _begin(self, kind: str, key: str, **details: Any) -> Operation:
        return self._history.begin(self._name, kind, key, **details)

    def _value(self) -> str:
        return f"{self._name}-{next(_numbers)}"


class WatchClient:
    """Watches, and resumes where it was after every break, through whichever server there is."""

    def __init__(
        self, name: str, urls: Sequence[str], history: History, pause: float = 0.0
    ) -> None:
        self.name = name
        self._urls = itertools.cycle(urls)
        self._history = history
        #: How slow it is: how long it waits after each event.
        self.pause = pause
        self.reached = 0

    async def run(self, collection: str, after: int) -> None:
        """Watch until cancelled, from a revision on."""
        self._collection = collection
        self.reached = after
        watched: Watched | None = self._watched(after)
        while True:
            if watched is None:
                watched = await self._begin_anew()
            else:
                try:
                    watched = await self._read(watched)
                except (NotSent, Broken):
                    await asyncio.sleep(_PAUSE)

    async def _read(self, watched: Watched) -> Watched | None:
        path = f"{self._collection}?watch=1&allowWatchBookmarks=true&resourceVersion={self.reached}"
        async with aclosing(Api.at(next(self._urls)).watch(path)) as events:
            async for event in events:
                if event["type"] == "ERROR":
                    if event["object"]["code"] == 410:
                        return None
                    break
                self._note(watched, event)
                await asyncio.sleep(self.pause)
        await asyncio.sleep(_PAUSE)
        return watched

    async def _begin_anew(self) -> Watched | None:
        """Have the state streamed, as an informer does whose place is gone; go on from there."""
        operation = self._history.begin(self.name, "list", "")
        operation.outcome = REFUSED
        path = (
            f"{self._collection}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
            "&resourceVersionMatch=NotOlderThan"
        )
        watched: Watched | None = None
        try:
            async with aclosing(Api.at(next(self._urls)).watch(path)) as events:
                async for event in events:
                    if watched is not None:
                        self._note(watched, event)
                    elif event["type"] == "ADDED":
                        operation.states.append(state_of(event["object"]))
                    elif event["type"] == "BOOKMARK":
                        operation.returned = time.monotonic()
                        operation.outcome = OK
                        operation.states.sort(key=attrgetter("key"))
                        operation.revision = _revision(event["object"])
                        self.reached = operation.revision
                        watched = self._watched(self.reached)
                    else:
                        break
                    await asyncio.sleep(self.pause)
        except (NotSent, Broken):
            await asyncio.sleep(_PAUSE)
        return watched

    def _watched(self, after: int) -> Watched:
        watched = Watched(self.name, "", after)
        self._history.watches.append(watched)
        return watched

    def _note(self, watched: Watched, event: dict[str, Any]) -> None:
        revision = _revision(event["object"])
        changes = [] if event["type"] == "BOOKMARK" else [told(event)]
        watched.batches.append((revision, changes))
        self.reached = revision


def state_of(document: dict[str, Any]) -> State:
    """Return an object as it is noted; its uid stands for when it was made."""
    metadata = document["metadata"]
    made = uuid.UUID(metadata["uid"]).int
    return State(metadata["name"], document["data"]["value"], _revision(document), made)


def told(event: dict[str, Any]) -> Change:
    """Return an event as it is noted: a deletion tells what was there, a change that it was."""
    state = state_of(event["object"])
    match event["type"]:
        case "ADDED":
            return Change(state.key, state.revision, state, None)
        case "MODIFIED":
            return Change(state.key, state.revision, state, SOMETHING)
        case "DELETED":
            return Change(state.key, state.revision, None, state)
        case other:
            raise AssertionError(f"an event of type {other}")


def _revision(document: dict[str, Any]) -> int:
    return int(document["metadata"]["resourceVersion"])


def _writing(key: str, value: str, expected: int) -> tuple[str, str, dict[str, Any]]:
    metadata: dict[str, Any] = {}
    if expected == ABSENT:
        document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": key}}
        return "POST", "", {**document, "data": {"value": value}}
    if expected != ANY:
        metadata["resourceVersion"] = str(expected)
    return "PATCH", f"/{key}", {"metadata": metadata, "data": {"value": value}}


def _deleting(key: str, expected: int) -> tuple[str, str, dict[str, Any]]:
    document = {"apiVersion": "v1", "kind": "DeleteOptions"}
    return "DELETE", f"/{key}", {**document, "preconditions": {"resourceVersion": str(expected)}}
