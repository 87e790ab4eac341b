"""Leader election: one of several servers runs the controllers, by a Lease as client-go uses it.

The leader renews the Lease every two seconds. One that could not renew it for ten seconds stops
leading; another server takes it over when it has not seen a renewal for fifteen. No server compares
the times in the Lease, which are another machine's, with its own: it measures how long a state of
the Lease has lasted. A leader that stops leaves the Lease without a holder, and it is taken at
once: the others watch it.

A Lease cannot promise that there is never more than one leader: a process may be suspended. So
every action of a controller has preconditions. See the documentation of Kubernetes, "Leases", and
of client-go's package leaderelection.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing, suppress
from typing import Any, Final, TypeAlias

from apiserver.client.client import DELETED, Client, ObjectEvent
from apiserver.controllers.event_recorder import NORMAL, EventRecorder
from apiserver.machinery.builtin_resources import LEASES
from apiserver.machinery.errors import AlreadyExists, Conflict, NotFound, StatusError
from apiserver.machinery.instruments import Family
from apiserver.machinery.objects import Object
from apiserver.machinery.times import Clock, format_micros, system_clock
from apiserver.machinery.valueclasses import valueclass

NAMESPACE: Final = "kube-system"
#: How long a stopping leader tries to leave the Lease without a holder, in seconds.
_RELEASE_SECONDS: Final = 1.0
# Candidates that failed at the same time retry at different times.
_JITTER: Final = 1.2

log = logging.getLogger(__name__)


@valueclass
class ElectionTimes:
    """The duration of a Lease, how long a leader tries to renew it, and the pause; in seconds."""

    lease: float = 15.0
    renew: float = 10.0
    retry: float = 2.0


#: What a leader does until it is cancelled.
Lead: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class LeaderElector:
    """A candidate: ``identity`` is unique among those for the Lease ``name``."""

    def __init__(
        self,
        client: Client,
        name: str,
        identity: str,
        clock: Clock | None = None,
        times: ElectionTimes | None = None,
    ) -> None:
        self._client = client
        self._name = name
        self._identity = identity
        self._clock = clock or system_clock()
        self._times = times or ElectionTimes()
        self._events = EventRecorder(client, name)
        # The Lease as it was last read, and when it was first seen in this state.
        self._lease: Object = {}
        self._since = 0.0
        self._freed = asyncio.Event()
        self.is_leading = False

    def families(self) -> Iterator[Family]:
        """Return the metrics of the election."""
        yield Family(
            "leader_election_master_status",
            "Whether this server is the leader: 1, or a candidate: 0.",
            ("name",),
            {(self._name,): float(self.is_leading)},
        )

    async def run(self, lead: Lead) -> None:
        """Compete for the Lease until cancelled, and run ``lead`` while it is held."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch(), name="leader-election-watch")
            while True:
                while not await self._first_attempt():
                    await self._pause(self._times.retry * random.uniform(1, 1 + _JITTER))  # noqa: S311
                await self._lead(lead)

    async def _lead(self, lead: Lead) -> None:
        log.info("%s became leader of %s", self._identity, self._name)
        self.is_leading = True
        tasks = [
            asyncio.create_task(lead(), name="leader"),
            asyncio.create_task(self._renew(), name="leader-election-renewal"),
        ]
        try:
            await self._tell("became leader")
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self.is_leading = False
            log.info("%s stopped leading %s", self._identity, self._name)
            await self._release()

    async def _renew(self) -> None:
        """Renew the Lease as long as possible."""
        while True:
            await asyncio.sleep(self._times.retry)
            try:
                async with asyncio.timeout(self._times.renew - self._times.retry):
                    while not await self._attempt():
                        if not self._is_holder:
                            return
                        await asyncio.sleep(self._times.retry)
            except TimeoutError:
                log.warning("the lease %s could not be renewed in time", self._name)
                return

    async def _first_attempt(self) -> bool:
        self._freed.clear()
        return await self._attempt()

    async def _attempt(self) -> bool:
        """Take or renew the Lease; return whether this server is its holder."""
        try:
            if self._is_holder:
                # As a rule no other client has written it, so it need not be read.
                with suppress(Conflict, NotFound):
                    return await self._claim()
            await self._read()
            return await self._claim()
        except (Conflict, AlreadyExists):
            # Another candidate has taken the Lease.
            return False
        except StatusError as error:
            log.warning("the lease %s was not renewed: %s", self._name, error)
            return False

    async def _read(self) -> None:
        try:
            self._observe(await self._client.get(LEASES, NAMESPACE, self._name))
        except NotFound:
            self._lease = {}

    async def _claim(self) -> bool:
        spec = self._spec
        if not self._lease:
            metadata = {"name": self._name, "namespace": NAMESPACE}
            lease = {"metadata": metadata, "spec": self._claimed({}, 0)}
            self._observe(await self._client.create(LEASES, lease))
            return True
        transitions = spec.get("leaseTransitions") or 0
        if not self._is_holder:
            if spec.get("holderIdentity") and self._clock.monotonic() < self._expiry:
                return False
            transitions += 1
        claimed = {**self._lease, "spec": self._claimed(spec, transitions)}
        self._observe(await self._client.update(LEASES, claimed))
        return True

    def _claimed(self, spec: Object, transitions: int) -> Object:
        now = self._now()
        acquired = spec.get("acquireTime") if self._is_holder else None
        return {
            **spec,
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, int(self._times.lease)),
            "acquireTime": acquired or now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }

    async def _release(self) -> None:
        """Leave the Lease without a holder, for another server to take."""
        if not self._is_holder:
            return
        now = self._now()
        free = {
            "leaseDurationSeconds": 1,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": self._spec.get("leaseTransitions") or 0,
        }
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                self._observe(await self._client.update(LEASES, {**self._lease, "spec": free}))
        except (StatusError, TimeoutError) as error:
            log.warning(
                "the lease %s was not released and expires by itself: %s", self._name, error
            )
            self._lease = {}

    async def _watch(self) -> None:
        """Observe renewals by the holder, and whether there is a holder."""
        selector = f"metadata.name={self._name}"
        while True:
            try:
                events = self._client.watch(LEASES, NAMESPACE, field_selector=selector)
                async with aclosing(events) as batches:
                    async for batch in batches:
                        for event in batch:
                            self._process(event)
            except StatusError as error:
                log.warning("watch of the lease %s failed: %s", self._name, error)
            await asyncio.sleep(self._times.retry)

    def _process(self, event: ObjectEvent) -> None:
        if event.type == DELETED or not (event.object.get("spec") or {}).get("holderIdentity"):
            self._freed.set()
        elif not self._is_holder:
            self._observe(event.object)

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until the Lease expires or has no holder."""
        left = self._expiry - self._clock.monotonic()
        seconds = min(seconds, left) if left > 0 else seconds
        try:
            async with asyncio.timeout(seconds):
                await self._freed.wait()
        except TimeoutError:
            return

    async def _tell(self, what: str) -> None:
        metadata = self._lease["metadata"]
        regarding = {
            "kind": "Lease",
            "apiVersion": LEASES.api_version,
            "namespace": NAMESPACE,
            "name": self._name,
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        }
        await self._events.record(regarding, NORMAL, "LeaderElection", f"{self._identity} {what}")

    def _observe(self, lease: Object) -> None:
        if not self._lease or lease.get("spec") != self._lease.get("spec"):
            self._since = self._clock.monotonic()
        self._lease = lease

    @property
    def _spec(self) -> dict[str, Any]:
        return self._lease.get("spec") or {}

    @property
    def _is_holder(self) -> bool:
        return bool(self._lease) and self._spec.get("holderIdentity") == self._identity

    @property
    def _expiry(self) -> float:
        """When the Lease expires if it is not renewed."""
        return self._since + float(self._spec.get("leaseDurationSeconds") or self._times.lease)

    def _now(self) -> str:
        seconds, micros = divmod(int(self._clock.time() * 1_000_000), 1_000_000)
        return format_micros(seconds, micros)
