"""Records in the order of their keys: as a dict that is sorted whenever it is asked."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from storage.cache import sortedrecords
from storage.cache.sortedrecords import SortedRecords
from storage.interface import Record


def record(key: str, revision: int = 1) -> Record[str]:
    return Record(key, f"{key} at {revision}", revision, 1)


def agree(found: SortedRecords[str], known: dict[str, Record[str]], random_: random.Random) -> None:
    start, end = (f"{random_.randrange(300):03}" for _ in range(2))
    limit = random_.randrange(10)
    expected = [known[key] for key in sorted(known) if start <= key < end]
    shown = expected[:limit] if limit else expected
    assert found.between(start, end, limit) == (shown, len(expected) - len(shown))


@pytest.mark.parametrize("seed", range(20))
def test_they_are_a_sorted_dict(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sortedrecords, "MAX_BLOCK_SIZE", 4)
    random_ = random.Random(seed)
    known = {key: record(key) for key in (f"{random_.randrange(300):03}" for _ in range(seed))}
    found: SortedRecords[str] = SortedRecords()
    found.append([known[key] for key in sorted(known)])
    for revision in range(2, 600):
        # They become more, and then fewer again.
        key = f"{random_.randrange(300):03}"
        if random_.random() < (0.7 if revision < 300 else 0.2):
            known[key] = record(key, revision)
            found.put(known[key])
        elif key in known:
            del known[key]
            found.remove(key)
        agree(found, known, random_)
    for key in sorted(known, key=lambda _: random_.random()):
        del known[key]
        found.remove(key)
        agree(found, known, random_)
    assert found.between("", "~") == ([], 0)


@pytest.mark.parametrize("order", [sorted, lambda keys: sorted(keys, reverse=True)])
def test_no_block_is_large(order: Callable[[list[str]], list[str]]) -> None:
    found: SortedRecords[str] = SortedRecords()
    keys = [f"{number:05}" for number in range(10_000)]
    for key in order(keys):
        found.put(record(key))
    assert [each.key for each in found.between("", "~")[0]] == keys
    assert max(len(block.keys) for block in found._blocks) <= sortedrecords.MAX_BLOCK_SIZE
