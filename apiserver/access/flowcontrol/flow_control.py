"""Flow control: the schemas and levels in force, and how many seats each level has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import monotonic
from typing import Final

from apiserver.access.flowcontrol.flow_metrics import flow_families
from apiserver.access.flowcontrol.flow_schemas import (
    FlowKey,
    FlowRequest,
    FlowSchema,
    Target,
    flow_request,
)
from apiserver.access.flowcontrol.priority_level import (
    PriorityLevel,
    SchemaCounts,
    level_spec,
)
from apiserver.access.flowcontrol.seat_allocation import allocate, nominal_limits, rounded
from apiserver.machinery.instruments import Family
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

#: How often seats are lent and returned.
ADJUSTMENT_SECONDS: Final = 10.0
_CATCH_ALL: Final = "catch-all"
#: How many flows are remembered, and the most characters by which one is.
_MAX_CACHED: Final = 8192
_LONGEST: Final = 512


@valueclass
class Flow:
    """The flow of a request, by schema and distinguisher, its level, and the uids of both.

    ``counts`` are those of the schema in the level.
    """

    key: FlowKey
    level: PriorityLevel
    uids: tuple[str, str]
    counts: SchemaCounts


class FlowControl:
    """Classifies requests, and shares ``seats`` between the priority levels.

    ``schemas`` and ``levels`` are the mandatory objects, which are in force also while they are not
    stored.
    """

    def __init__(
        self,
        seats: int,
        schemas: Sequence[Object],
        levels: Sequence[Object],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._seats = seats
        self._now = now
        #: The proportion of the seats that levels want that they get.
        self.fair_fraction = 0.0
        self._mandatory_schemas = {name_of(schema): schema for schema in schemas}
        self._mandatory_levels = {name_of(level): level for level in levels}
        self._schemas: dict[str, FlowSchema] = {}
        self._tried: list[FlowSchema] = []
        self._levels: dict[str, PriorityLevel] = {}
        self._flows: dict[tuple[str | bool | tuple[str, ...], ...], Flow] = {}
        self._named_namespaces: frozenset[str] = frozenset()
        self._by_namespace = False
        for level in levels:
            self.put_level(level)
        for schema in schemas:
            self.put_schema(FlowSchema(schema))

    def flow(self, user: UserInfo, verb: str, target: Target) -> Flow:
        """Return the flow of a request. It is remembered until the configuration changes."""
        namespace: str | bool = target.namespace
        if not self._by_namespace and namespace not in self._named_namespaces:
            namespace = bool(namespace)
        resource = target.resource
        # Non-resource paths are distinguished, objects are not.
        key = (
            user.name, user.groups, verb, resource or target.path, target.group, namespace,
            target.subresource,
        )  # fmt: skip
        flow = self._flows.get(key)
        if flow is None:
            request = flow_request(user, verb, target)
            schema, level = self.classify(request)
            flow = Flow(
                schema.flow(request),
                level,
                (schema.uid, level.uid),
                level.counts[schema.name],
            )
            if sum(map(len, (user.name, verb, target.path, *user.groups))) <= _LONGEST:
                if len(self._flows) >= _MAX_CACHED:
                    self._flows.clear()
                self._flows[key] = flow
        return flow

    def classify(self, request: FlowRequest) -> tuple[FlowSchema, PriorityLevel]:
        """Return the schema and the level of a request."""
        for schema in self._tried:
            if schema.matches(request):
                return schema, self._levels[schema.level]
        # Users are in one of two groups; one that is in neither is caught here.
        schema = self._schemas[_CATCH_ALL]
        return schema, self._levels[schema.level]

    def put_schema(self, schema: FlowSchema) -> None:
        """Add or replace a schema; it is in force when its level exists."""
        self._schemas[schema.name] = schema
        self._order()

    def remove_schema(self, name: str) -> None:
        """Remove a schema, if it exists."""
        mandatory = self._mandatory_schemas.get(name)
        if mandatory is not None:
            self.put_schema(FlowSchema(mandatory))
        elif self._schemas.pop(name, None) is not None:
            for level in self._levels.values():
                level.forget(name)
            self._order()

    def put_level(self, stored: Object) -> None:
        """Add or replace a level. Raises KeyError, TypeError or ValueError."""
        spec, name = level_spec(stored), name_of(stored)
        level = self._levels.get(name)
        if level is None:
            level = self._levels[name] = PriorityLevel(name, self._now)
        level.spec, level.uid = spec, stored["metadata"].get("uid", "")
        self._share_out()
        self._order()

    def remove_level(self, name: str) -> None:
        """Remove a level, if it exists. Requests in it are still served."""
        mandatory = self._mandatory_levels.get(name)
        if mandatory is not None:
            self.put_level(mandatory)
            return
        level = self._levels.pop(name, None)
        if level is not None:
            # New requests do not join it; queued ones are still served.
            level.limit = max(level.limit, 1)
            self._share_out()
            self._order()

    def adjust(self) -> None:
        """Lend the seats that levels do not use to those which want more than they have."""
        now = self._now()
        levels = list(self._levels.values())
        claims = [level.claim(now) for level in levels]
        total = sum(level.nominal for level in levels)
        seats, self.fair_fraction = allocate(total, claims)
        for level, each in zip(levels, seats, strict=True):
            # Without a seat, requests would wait until the next time.
            level.limit = max(1, rounded(each))
            level.dispatch()

    def families(self) -> Iterator[Family]:
        """Yield the metrics of flow control."""
        return flow_families(list(self._levels.values()), self.fair_fraction)

    def levels(self) -> list[PriorityLevel]:
        """Return the levels by name."""
        return [level for _, level in sorted(self._levels.items())]

    def _order(self) -> None:
        known = [schema for schema in self._schemas.values() if schema.level in self._levels]
        self._tried = sorted(known, key=lambda schema: schema.order)
        self._by_namespace = any(schema.by_namespace for schema in known)
        self._named_namespaces = frozenset().union(*(schema.namespaces for schema in known))
        self._flows.clear()

    def _share_out(self) -> None:
        levels = self._levels.values()
        total = sum(level.spec.shares for level in levels) or 1
        for level in levels:
            spec = level.spec
            level.limits = nominal_limits(
                self._seats, spec.shares / total, spec.lendable, spec.borrowing
            )
        self.adjust()
