"""FaultRules: which requests the faults hit. Pure but for the counts that the rules keep.

A rule is checked in this order: its conditions, ``skip``, ``count``, ``probability``.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from apiserver.testing.request_recorder import Recorded

#: How many hits of a fault are kept.
MAX_HITS: Final = 10_000

_TEXTS: Final = ("user", "verb", "namespace", "name", "path", "user_agent")
_NUMBERS: Final = ("skip", "count", "probability", "seed")


log = logging.getLogger(__name__)


class UnknownFault(ValueError):
    """A fault has an unknown condition, or an invalid value."""


@dataclass(slots=True)
class FaultRule:
    """A fault: its action with its options, and its conditions.

    ``texts`` are patterns by the name of a condition. ``count`` of ``None`` is no limit.
    """

    number: int
    action: str
    options: Mapping[str, Any]
    texts: Mapping[str, Collection[str]]
    skip: int = 0
    count: int | None = None
    probability: float = 1.0
    rng: random.Random = field(default_factory=random.Random)
    seen: int = 0
    hit: int = 0
    hits: deque[Recorded] = field(default_factory=lambda: deque(maxlen=MAX_HITS))

    @property
    def exhausted(self) -> bool:
        """Whether the fault has hit as often as it may."""
        return self.count is not None and self.hit >= self.count

    def matches(self, request: Recorded) -> bool:
        """Return whether the conditions of the fault hold."""
        return all(_holds(name, patterns, request) for name, patterns in self.texts.items())

    def chooses(self, request: Recorded) -> bool:
        """Return whether the fault is to hit a request: see the order above."""
        if self.exhausted or not self.matches(request):
            return False
        self.seen += 1
        return self.seen > self.skip and self.rng.random() < self.probability

    def record_hit(self, request: Recorded) -> None:
        """Note that the fault has hit a request."""
        self.hit += 1
        self.hits.append(request)
        request.faults.append(self.action)
        log.info(
            "fault %d (%s) hits request %d: %s %s",
            *(self.number, self.action, request.number, request.verb, request.path),
        )


class FaultRules:
    """The faults of a server, in the order in which they were switched on."""

    def __init__(self) -> None:
        self._rules: dict[int, FaultRule] = {}
        self._lifted: deque[FaultRule] = deque(maxlen=1000)
        self._number = 0

    def __bool__(self) -> bool:
        return bool(self._rules)

    def __iter__(self) -> Iterator[FaultRule]:
        return iter(list(self._rules.values()))

    def add(
        self, action: str, options: Mapping[str, Any], conditions: Mapping[str, Any]
    ) -> FaultRule:
        """Switch a fault on. Raises UnknownFault."""
        unknown = conditions.keys() - {*_TEXTS, *_NUMBERS, "group", "resource"}
        if unknown:
            raise UnknownFault(f"there is no condition {', '.join(sorted(unknown))}")
        texts = {
            name: [value] if isinstance(value, str) else list(value)
            for name, value in conditions.items()
            if name not in _NUMBERS
        }
        self._number += 1
        rule = FaultRule(
            self._number,
            action,
            options,
            texts,
            skip=int(conditions.get("skip", 0)),
            count=conditions.get("count"),
            probability=float(conditions.get("probability", 1.0)),
            rng=random.Random(conditions.get("seed", 0)),  # noqa: S311 - repeatable
        )
        self._rules[rule.number] = rule
        return rule

    def lift(self, number: int) -> None:
        """Switch a fault off; its hits stay known for some time."""
        rule = self._rules.pop(number, None)
        if rule is not None:
            self._lifted.append(rule)

    def clear(self) -> None:
        """Switch all faults off."""
        for number in list(self._rules):
            self.lift(number)

    def find(self, number: int) -> FaultRule:
        """Return a fault, also one that was lifted. Raises UnknownFault."""
        for rule in (*self._rules.values(), *self._lifted):
            if rule.number == number:
                return rule
        raise UnknownFault(f"there is no fault {number}")


def _holds(name: str, patterns: Collection[str], request: Recorded) -> bool:
    if name == "group":
        return any(_is_like(group, patterns) for group in request.groups)
    if name == "resource":
        return any(_is_resource(request, pattern) for pattern in patterns)
    return _is_like(getattr(request, name), patterns)


def _is_like(value: str, patterns: Collection[str]) -> bool:
    return any(value == pattern or fnmatchcase(value, pattern) for pattern in patterns)


def _is_resource(request: Recorded, pattern: str) -> bool:
    """Return whether a request is for ``pods``, ``deployments.apps`` or ``pods/status``."""
    whole, _, subresource = pattern.partition("/")
    resource, dot, group = whole.partition(".")
    return (
        fnmatchcase(request.resource, resource)
        and (not dot or fnmatchcase(request.group, group))
        and (not subresource or fnmatchcase(request.subresource, subresource))
        and bool(request.resource)
    )
