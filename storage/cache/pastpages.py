"""A page as of an earlier revision, from the present records and the events since. Pure.

Clients read long lists page by page, at the revision of the first page. While others write, the
page differs from the state in memory, but the events in memory show what it was. So the cost of a
page depends on its size and on the number of changes since, not on the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TypeVar

from storage.cache.sortedrecords import SortedRecords
from storage.interface import Event, Record

V = TypeVar("V")


def past_page(
    present: SortedRecords[V], events: Sequence[Event[V]], start: str, end: str, limit: int
) -> tuple[Sequence[Record[V]], int]:
    """Return records from one key on, up to another, before ``events``, and how many follow.

    ``events`` are all changes of keys in the range, in their order. With a ``limit`` other than 0
    no more records are returned.
    """
    before: dict[str, Record[V] | None] = {}
    after: dict[str, Record[V] | None] = {}
    for event in events:
        if start <= event.key < end:
            before.setdefault(event.key, event.previous)
            after[event.key] = event.record
    # As many more records as may have to be left out.
    found, remaining = present.between(start, end, limit and limit + len(after))
    last = found[-1].key if remaining else end
    kept = [record for record in found if record.key not in before]
    restored = [record for record in before.values() if record is not None]
    kept += [record for record in restored if record.key <= last]
    kept.sort(key=attrgetter("key"))
    remaining += sum(record.key > last for record in restored)
    remaining -= sum(key > last for key, record in after.items() if record is not None)
    if limit and len(kept) > limit:
        remaining += len(kept) - limit
        del kept[limit:]
    return kept, remaining
