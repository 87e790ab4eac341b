"""Decisions: what a request changes in the current object. Making a decision has no side effects.

A `Rule` gets an `Attempt`: the current object, and a reader of the other objects that the decision
depends on. A rule writes nothing and keeps no state, so it may run any number of times. In addition
to its outcome it records in the attempt, which starts out empty, its warnings, the revisions that
the write requires, the charges to quotas and the allocations. They become part of the `Decision`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, ParamSpec, TypeAlias, TypeVar

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.machinery.equality import equal_but_for
from apiserver.machinery.errors import StatusError
from apiserver.machinery.objects import Object
from apiserver.registry.offload import SMALL, offload
from apiserver.registry.outcome import Outcome, Refused, Save, Unchanged
from apiserver.registry.reader import TrackedReader
from apiserver.registry.stored import Stored
from apiserver.resources.allocation import NOTHING, Allocation
from apiserver.schema.asyncresults import ResultNeeded, retry_with_results
from storage.interface import Record

P = ParamSpec("P")
R = TypeVar("R")

_VERSION: Final = ("resourceVersion",)


# Created for every write, so not frozen: frozen classes take several times as long to create.
@dataclass(slots=True)
class Attempt:
    """The input of one decision, and what the rule records.

    ``requires`` are the revisions of other keys that the write depends on; ``charged`` is the write
    to charge to the quotas; ``allocation`` is what the write allocates and releases of the
    resources that all objects share. ``key`` is where the object is stored, if admission has given
    it another name than that of the request.
    """

    existing: Record[Stored] | None
    reader: TrackedReader
    warn: Callable[[str], None]
    requires: dict[str, int]
    charged: AdmissionAttributes | None = None
    allocation: Allocation = NOTHING
    key: str = ""
    #: The total size of the documents of the decision, in bytes.
    size: int = 0

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result of pure work on the documents, in a thread if they are large."""
        try:
            if self.size <= SMALL:
                return work(*args, **kwargs)
            return await offload(self.size, work, *args, **kwargs)
        except ResultNeeded as missing:
            again = partial(offload, self.size, work, *args, **kwargs)
            return await retry_with_results(missing, again)


#: Makes a decision. Raises StatusError to reject the request.
Rule: TypeAlias = Callable[[Attempt], Awaitable[Outcome]]


@dataclass(slots=True)
class Decision:
    """The outcome of a request for ``existing``, given what ``reader`` has read."""

    outcome: Outcome
    existing: Record[Stored] | None
    reader: TrackedReader
    warnings: Sequence[str]
    requires: Mapping[str, int]
    charged: AdmissionAttributes | None
    allocation: Allocation
    key: str


async def decide(
    rule: Rule, existing: Record[Stored] | None, reader: TrackedReader, size: int = 0
) -> Decision:
    """Return the decision of a rule; an outcome that saves the stored state becomes `Unchanged`.

    ``size`` is the size of the request's body, in bytes.
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
        attempt.key,
    )


def _same(document: Object, stored: Stored) -> bool:
    return equal_but_for(document, stored.object, _VERSION) and not stored.is_stale()
