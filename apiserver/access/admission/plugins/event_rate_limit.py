"""EventRateLimit: limits the rate at which Events are written.

A limit counts all Events, or those of each namespace, of each user, or of each source and object.
Each of them has a token bucket; of the buckets of a limit, those used last are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import EVENTS
from apiserver.machinery.errors import TooManyRequests
from apiserver.machinery.fielderrors import joined
from apiserver.machinery.gvk import GroupVersionResource
from apiserver.machinery.times import Clock, system_clock
from apiserver.machinery.valueclasses import valueclass

NAME: Final = "EventRateLimit"
SERVER: Final = "Server"
#: How many buckets of a limit are kept unless the configuration says so.
DEFAULT_CACHE_SIZE: Final = 4096


@valueclass
class EventLimit:
    """A limit of one type: Events a second, how many at once, and how many buckets are kept."""

    type: str
    qps: int
    burst: int
    cache_size: int = DEFAULT_CACHE_SIZE


class EventRateLimit:
    """Rejects Events above the limits. Every limit counts Events that another rejects."""

    name = NAME

    def __init__(self, limits: Sequence[EventLimit], clock: Clock | None = None) -> None:
        now = (clock or system_clock()).monotonic
        self._buckets = [_Buckets(limit, now) for limit in limits]

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        return resource == EVENTS and operation in (CREATE, UPDATE)

    def validate(self, attributes: AdmissionAttributes, reader: Reader) -> None:
        if attributes.dry_run:
            return
        refusals = [
            f"limit reached on type {buckets.limit.type} for key {key}"
            for buckets in self._buckets
            for key in (KEYS[buckets.limit.type](attributes),)
            if not buckets.take(key)
        ]
        if refusals:
            raise TooManyRequests(f"Too many requests: {joined(refusals)}")


class _Buckets:
    """The token buckets of a limit, by key: the tokens that are left, and when that was."""

    def __init__(self, limit: EventLimit, now: Callable[[], float]) -> None:
        self.limit = limit
        self._now = now
        self._states: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Take a token, and return whether there was one."""
        limit, now = self.limit, self._now()
        # Clients choose how long keys are.
        digest = sha256(key.encode(errors="surrogatepass")).digest()
        tokens, since = self._states.pop(digest, (limit.burst, now))
        tokens = min(limit.burst, tokens + (now - since) * limit.qps)
        taken = tokens >= 1
        self._states[digest] = tokens - taken, now
        if len(self._states) > limit.cache_size:
            self._states.popitem(last=False)
        return taken


def _source_and_object(attributes: AdmissionAttributes) -> str:
    event = attributes.object or {}
    source, about = event.get("source") or {}, event.get("involvedObject") or {}
    members = ("kind", "namespace", "name", "uid", "apiVersion")
    return "".join(
        [*(source.get(name, "") for name in ("component", "host"))]
        + [about.get(name, "") for name in members]
    )


#: What the Events are counted by, by the type of a limit.
KEYS: Final[Mapping[str, Callable[[AdmissionAttributes], str]]] = {
    SERVER: lambda _: "",
    "Namespace": lambda attributes: attributes.namespace,
    "User": lambda attributes: attributes.user.name,
    "SourceAndObject": _source_and_object,
}
