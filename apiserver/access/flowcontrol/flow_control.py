"""Flow control: the schemas and levels in force, and how many seats each level has."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from apiserver.access.flowcontrol.flow_schemas import (
    FlowRequest,
    FlowSchema,
    Target,
    flow_request,
)
from apiserver.access.flowcontrol.priority_level import PriorityLevel, level_spec
from apiserver.machinery.instruments import COUNTER, Family, Labels
from apiserver.machinery.objects import Object, name_of
from apiserver.machinery.users import UserInfo

#: How often seats are lent and returned.
ADJUSTMENT_SECONDS: Final = 10.0
_CATCH_ALL: Final = "catch-all"
_PERCENT: Final = 100
#: How many flows are remembered, and the most characters by which one is.
_REMEMBERED: Final = 8192
_LONGEST: Final = 512


@dataclass(frozen=True, slots=True)
class Flow:
    """The flow of a request, by schema and distinguisher, its level, and the uids of both."""

    key: tuple[str, str]
    level: PriorityLevel
    uids: tuple[str, str]


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
        self._adjusted = now()
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
        if self._now() - self._adjusted >= ADJUSTMENT_SECONDS:
            self.adjust()
        namespace: str | bool = target.namespace
        if not self._by_namespace and namespace not in self._named_namespaces:
            namespace = bool(namespace)
        resource = target.resource
        # Paths that name no resource are told apart, objects are not.
        key = (
            user.name, user.groups, verb, resource or target.path, target.group, namespace,
            target.subresource,
        )  # fmt: skip
        flow = self._flows.get(key)
        if flow is None:
            request = flow_request(user, verb, target)
            schema, level = self.classify(request)
            flow = Flow(schema.flow(request), level, (schema.uid, level.uid))
            if len(user.name) + len(target.path) + sum(map(len, user.groups)) <= _LONGEST:
                if len(self._flows) >= _REMEMBERED:
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
        """Take in a schema; one with an unknown level is in force when the level exists."""
        self._schemas[schema.name] = schema
        self._order()

    def remove_schema(self, name: str) -> None:
        """Let go of a schema, if it is known."""
        mandatory = self._mandatory_schemas.get(name)
        if mandatory is not None:
            self.put_schema(FlowSchema(mandatory))
        elif self._schemas.pop(name, None) is not None:
            self._order()

    def put_level(self, stored: Object) -> None:
        """Take in a level. Raises KeyError, TypeError or ValueError."""
        spec, name = level_spec(stored), name_of(stored)
        level = self._levels.get(name)
        if level is None:
            level = self._levels[name] = PriorityLevel(name)
        level.spec, level.uid = spec, stored["metadata"].get("uid", "")
        self._share_out()
        self._order()

    def remove_level(self, name: str) -> None:
        """Let go of a level, if it is known. Requests in it are served to the end."""
        mandatory = self._mandatory_levels.get(name)
        if mandatory is not None:
            self.put_level(mandatory)
            return
        level = self._levels.pop(name, None)
        if level is not None:
            # No request joins it any more, and those that wait are still served.
            level.limit = max(level.limit, 1)
            self._share_out()
            self._order()

    def adjust(self) -> None:
        """Lend the seats that levels do not use to those which want more than they have."""
        self._adjusted = self._now()
        levels = list(self._levels.values())
        peaks = {level.name: level.take_peak() for level in levels}
        least = {level.name: _least(level, peaks[level.name]) for level in levels}
        free = self._seats - sum(least.values())
        wants = {
            level.name: max(0, min(_most(level, self._seats), peak) - least[level.name])
            for level, peak in zip(levels, peaks.values(), strict=True)
            if not level.spec.exempt
        }
        given = _portions(free, wants)
        # What no level wants goes back to its owners, which have it at once when they need it.
        free -= sum(given.values())
        owed = {
            name: max(0, self._levels[name].nominal - least[name] - seats)
            for name, seats in given.items()
        }
        returned = _portions(free, owed)
        for level in levels:
            level.limit = max(
                1, least[level.name] + given.get(level.name, 0) + returned.get(level.name, 0)
            )
            level.dispatch()

    def families(self) -> Iterator[Family]:
        """Yield the metrics of flow control."""
        labels = ("priority_level",)
        levels = self._levels.values()
        gauges: dict[str, tuple[str, Mapping[Labels, float]]] = {
            "nominal_limit_seats": (
                "Seats that are a level's own.",
                {(each.name,): float(each.nominal) for each in levels},
            ),
            "current_limit_seats": (
                "Seats that a level has at the moment.",
                {(each.name,): float(each.limit) for each in levels},
            ),
            "current_executing_requests": (
                "Requests with a seat.",
                {(each.name,): float(each.executing) for each in levels},
            ),
            "current_inqueue_requests": (
                "Requests that wait for a seat.",
                {(each.name,): float(each.waiting) for each in levels},
            ),
        }
        for name, (description, values) in gauges.items():
            yield Family(f"apiserver_flowcontrol_{name}", description, labels, values)
        rejected: dict[Labels, float] = {
            (schema, level.name, reason): float(count)
            for level in levels
            for (schema, reason), count in level.rejected.items()
        }
        yield Family(
            "apiserver_flowcontrol_rejected_requests",
            "Requests rejected.",
            ("flow_schema", "priority_level", "reason"),
            rejected,
            COUNTER,
        )

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
            nominal = math.ceil(self._seats * level.spec.shares / total)
            # What is lent or borrowed stays so until the next adjustment.
            level.limit = max(1, level.limit + nominal - level.nominal)
            level.nominal = nominal
            level.dispatch()


def _least(level: PriorityLevel, peak: int) -> int:
    """Return how many seats a level keeps: those it does not lend, and of its own those it uses."""
    kept = level.nominal - round(level.nominal * level.spec.lendable / _PERCENT)
    return max(kept, min(level.nominal, peak))


def _most(level: PriorityLevel, seats: int) -> int:
    borrowing = level.spec.borrowing
    if borrowing is None:
        return seats
    return level.nominal + round(level.nominal * borrowing / _PERCENT)


def _portions(free: int, wants: Mapping[str, int]) -> dict[str, int]:
    """Give each what it wants, or the same part of it if there is not enough."""
    wanted = sum(wants.values())
    if wanted <= free or not wanted:
        return dict(wants)
    return {name: max(0, free) * want // wanted for name, want in wants.items()}
