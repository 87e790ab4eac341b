"""A decision: what a request makes of an object as it is. Making one has no effect.

A `Rule` is given an `Attempt`: the object as it is, and a reader of the other objects that it
depends on. It writes nothing and keeps nothing, so it may run any number of times. What it says
besides its outcome (warnings, revisions that the write requires, what quotas are to be charged for,
what is allocated) it notes in the attempt, which is empty at the start, and comes out as part of
the `Decision`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeAlias, TypeVar

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.machinery.equality import deep_equal
from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object
from apiserver.registry.codec import Stored, arrange
from apiserver.registry.offload import offload
from apiserver.registry.outcome import Outcome, Refused, Save, Unchanged
from apiserver.registry.reader import TrackedReader
from apiserver.resources.allocation import NOTHING, Allocation
from storage.interface import Record

P = ParamSpec("P")
R = TypeVar("R")


# Made for every write, so not frozen: a frozen class takes several times as long to fill.
@dataclass(slots=True)
class Attempt:
    """What one decision is made on, and what it notes.

    ``requires`` are the revisions of other keys that the write depends on; ``charged`` is the write
    as the quotas are to be charged for it, ``allocation`` what it takes and frees of what all
    objects share.
    """

    existing: Record[Stored] | None
    reader: TrackedReader
    warn: Callable[[str], None]
    requires: dict[str, int]
    charged: AdmissionAttributes | None = None
    allocation: Allocation = NOTHING
    #: How many bytes the documents have that the decision is made of.
    size: int = 0

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what pure work on the documents returns; the loop goes on where they are large."""
        return await offload(self.size, work, *args, **kwargs)


#: Decides. Raises StatusError to refuse.
Rule: TypeAlias = Callable[[Attempt], Awaitable[Outcome]]


@dataclass(slots=True)
class Decision:
    """What a request makes of ``existing``, given what ``reader`` has read."""

    outcome: Outcome
    existing: Record[Stored] | None
    reader: TrackedReader
    warnings: Sequence[str]
    requires: Mapping[str, int]
    charged: AdmissionAttributes | None
    allocation: Allocation


async def decide(
    rule: Rule, existing: Record[Stored] | None, reader: TrackedReader, size: int = 0
) -> Decision:
    """Return what a rule makes of an object; to save what is stored is no change.

    ``size`` is how many bytes were sent to say what is wanted.
    """
    warnings: list[str] = []
    if existing is not None:
        size += existing.value.size
    attempt = Attempt(existing, reader, warnings.append, {}, size=size)
    try:
        outcome = await rule(attempt)
    except StatusError as error:
        outcome = Refused(error)
    if (
        type(outcome) is Save
        and existing is not None
        and await attempt.run(_same, outcome.document, existing.value)
    ):
        outcome = Unchanged()
    return Decision(
        outcome,
        existing,
        reader,
        warnings,
        attempt.requires,
        attempt.charged,
        attempt.allocation,
    )


def _same(document: Object, stored: Stored) -> bool:
    return deep_equal(arrange(document), arrange(stored.object))
