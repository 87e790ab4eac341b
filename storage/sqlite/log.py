"""The SQL of the log. Functions that write must be called inside a transaction.

A row is one change of one key. The number of a row is its revision, except in a commit of several
keys: its rows are consecutive, and the revision of all of them is the number of the last row, which
is ``revision + following``. A revision given by a caller may lie within such a commit; it then
means the state before the commit (`_boundary`).

Compaction processes the rows of the compacted revisions. Each row refers to the row that it
replaced; that row is deleted, and so is the row of a deletion itself. All other rows stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from storage.errors import RevisionConflict
from storage.interface import ABSENT, MAX_KEYS, Change, Delete, Event, Put, Record

# Sorts after every character of a key; marks the end of the range of a prefix.
_LAST: Final = "\U0010ffff"

_NEWEST: Final = (
    "SELECT revision, following, created, deleted, expires, value FROM log"
    " WHERE key = ? ORDER BY revision DESC LIMIT 1"
)
_NEWEST_REVISION: Final = (
    "SELECT revision + following, deleted FROM log WHERE key = ? ORDER BY revision DESC LIMIT 1"
)
_AT: Final = (
    "SELECT revision + following, created, deleted, value FROM log"
    " WHERE key = ? AND revision <= ? ORDER BY revision DESC LIMIT 1"
)
# With max(), SQLite takes the other columns from the row that has the maximum.
_PAGE: Final = (
    "SELECT key, max(revision) + following, created, deleted, value FROM log"
    " WHERE key >= ? AND key < ? AND revision <= ?"
    " GROUP BY key HAVING NOT deleted ORDER BY key LIMIT ?"
)
_COUNT: Final = (
    "SELECT count(*) FROM (SELECT max(revision), deleted FROM log"
    " WHERE key > ? AND key < ? AND revision <= ? GROUP BY key HAVING NOT deleted)"
)
_HISTORY: Final = (
    "SELECT log.key, log.revision + log.following, log.created, log.deleted, log.value,"
    " old.revision + old.following, old.created, old.value, log.following"
    " FROM log LEFT JOIN log AS old ON old.revision = log.previous"
    " WHERE log.revision > ? AND log.revision <= ? AND log.key >= ? AND log.key < ?"
    " ORDER BY log.revision LIMIT ?"
)
_APPEND: Final = (
    "INSERT INTO log (key, created, previous, deleted, expires, following, value)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_DUE: Final = (
    "SELECT key, revision + following FROM log WHERE expires <= ? ORDER BY expires LIMIT ?"
)
_FORGET_REPLACED: Final = (
    "DELETE FROM log WHERE revision IN"
    " (SELECT previous FROM log WHERE revision > ? AND revision <= ? AND previous != 0)"
)
_FORGET_DELETIONS: Final = "DELETE FROM log WHERE revision > ? AND revision <= ? AND deleted"
_FOLLOWING: Final = "SELECT following FROM log WHERE revision = ?"
_FIRST_OF_COMMIT: Final = (
    "SELECT min(revision) FROM log"
    " WHERE revision > ? AND revision <= ? AND revision + following = ?"
)


class Current(NamedTuple):
    """The latest record of a key, the number of its row, and whether the key expires."""

    record: Record[bytes]
    row: int
    expires: bool


def revision(connection: sqlite3.Connection) -> int:
    """Return the revision of the last change."""
    (found,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
    return int(found)


def compacted(connection: sqlite3.Connection) -> int:
    """Return the revision before which history is compacted."""
    (found,) = connection.execute("SELECT revision FROM compaction").fetchone()
    return int(found)


def get(connection: sqlite3.Connection, key: str, at: int) -> Record[bytes] | None:
    """Return a record as of ``at``."""
    row = connection.execute(_AT, (key, _boundary(connection, at))).fetchone()
    if row is None or row[2]:
        return None
    changed, created, _, value = row
    return Record(key, value, changed, created or changed)


def page(
    connection: sqlite3.Connection, prefix: str, start: str, limit: int, at: int
) -> list[Record[bytes]]:
    """Return ``limit`` records as of ``at``."""
    bounds = (max(prefix, start), prefix + _LAST, _boundary(connection, at), limit)
    return [
        Record(key, value, changed, created or changed)
        for key, changed, created, _, value in connection.execute(_PAGE, bounds)
    ]


def count(connection: sqlite3.Connection, prefix: str, after: str, at: int) -> int:
    """Return the number of records as of ``at`` whose key is after ``after``."""
    bounds = (after, prefix + _LAST, _boundary(connection, at))
    (found,) = connection.execute(_COUNT, bounds).fetchone()
    return int(found)


def history(
    connection: sqlite3.Connection, prefix: str, after: int, until: int, limit: int
) -> tuple[list[Event[bytes]], bool]:
    """Return the first events after one revision up to another, and whether more follow.

    Returns at most ``limit`` events and never splits a commit, so ``limit`` must be greater than
    `MAX_KEYS`.
    """
    bounds = (_boundary(connection, after), until, prefix, prefix + _LAST, limit)
    rows = connection.execute(_HISTORY, bounds).fetchall()
    more = len(rows) == limit
    if more and rows[-1][-1]:
        cut = rows[-1][1]
        rows = [row for row in rows if row[1] != cut]
    return [_event(row) for row in rows], more


def commit(
    connection: sqlite3.Connection,
    changes: Sequence[Change[bytes]],
    requires: Mapping[str, int],
    now: float,
) -> list[Event[bytes]]:
    """Make changes at one revision; lifetimes begin at ``now``. Raises RevisionConflict.

    All revisions are checked before the first row is written.
    """
    replaced = [_check_change(connection, change) for change in changes]
    for other, needed in requires.items():
        _require(connection, other, needed)
    following = len(changes)
    events = []
    for change, current in zip(changes, replaced, strict=True):
        following -= 1
        events.append(_append(connection, change, current, following, now))
    return events


def expire(connection: sqlite3.Connection, now: float, limit: int) -> list[Event[bytes]]:
    """Delete the keys that expired by ``now``, the earliest deadline first."""
    due = connection.execute(_DUE, (now, limit)).fetchall()
    return [
        event
        for key, changed in due
        for event in commit(connection, (Delete(key, changed),), {}, now)
    ]


def next_expiry(connection: sqlite3.Connection) -> float | None:
    """Return the time at which the next key expires, or None."""
    query = "SELECT min(expires) FROM log WHERE expires IS NOT NULL"
    (found,) = connection.execute(query).fetchone()
    return None if found is None else float(found)


def mark_compacted(connection: sqlite3.Connection, at: int) -> None:
    """Mark the history before ``at`` as compacted; `forget` deletes the rows later."""
    connection.execute("UPDATE compaction SET revision = ?", (at,))


def forget(connection: sqlite3.Connection, at_once: int) -> bool:
    """Delete the obsolete rows of some compacted revisions; return whether more are left."""
    asked, after = connection.execute("SELECT revision, forgotten FROM compaction").fetchone()
    until = _boundary(connection, asked)
    if after >= until:
        return False
    here = min(after + at_once, until)
    connection.execute(_FORGET_REPLACED, (after, here))
    connection.execute(_FORGET_DELETIONS, (after, here))
    connection.execute("UPDATE compaction SET forgotten = ?", (here,))
    return bool(here < until)


def shrink(connection: sqlite3.Connection, pages: int) -> bool:
    """Return unused pages to the file system; return whether more than a few are left."""
    connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
    (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
    (total,) = connection.execute("PRAGMA page_count").fetchone()
    return bool(unused > pages + total // 10)


def _newest(connection: sqlite3.Connection, key: str) -> Current | None:
    row = connection.execute(_NEWEST, (key,)).fetchone()
    if row is None or row[3]:
        return None
    number, following, created, _, expires, value = row
    changed = number + following
    record = Record(key, value, changed, created or changed)
    return Current(record, number, expires is not None)


def _check(connection: sqlite3.Connection, key: str, expected: int) -> Current | None:
    current = _newest(connection, key)
    if (current.record.revision if current else ABSENT) != expected:
        raise RevisionConflict(key, expected, current.record if current else None)
    return current


def _check_change(connection: sqlite3.Connection, change: Change[bytes]) -> Current | None:
    current = _check(connection, change.key, change.expected)
    if current is None and isinstance(change, Delete):
        raise RevisionConflict(change.key, change.expected, None)
    return current


def _require(connection: sqlite3.Connection, key: str, needed: int) -> None:
    # Read the value only if the result includes it.
    row = connection.execute(_NEWEST_REVISION, (key,)).fetchone()
    if (ABSENT if row is None or row[1] else row[0]) != needed:
        _check(connection, key, needed)


def _append(
    connection: sqlite3.Connection,
    change: Change[bytes],
    current: Current | None,
    following: int,
    now: float,
) -> Event[bytes]:
    key, old = change.key, None
    created = previous = 0
    if current is not None:
        old, created, previous = current.record, current.record.created, current.row
        if current.expires:
            connection.execute("UPDATE log SET expires = NULL WHERE revision = ?", (previous,))
    value = expires = None
    if isinstance(change, Put):
        value = change.value
        expires = now + change.ttl if change.ttl else None
    row = (key, created, previous, value is None, expires, following, value)
    number = connection.execute(_APPEND, row).lastrowid
    assert number is not None
    revision = number + following
    record = None if value is None else Record(key, value, revision, created or revision)
    return Event(key, revision, record, old)


def _boundary(connection: sqlite3.Connection, at: int) -> int:
    # The last row up to ``at`` that is the end of a commit.
    found = connection.execute(_FOLLOWING, (at,)).fetchone()
    if found is None or not found[0]:
        return at
    last = at + found[0]
    (first,) = connection.execute(_FIRST_OF_COMMIT, (last - MAX_KEYS, at, last)).fetchone()
    return int(first) - 1


def _event(row: tuple[Any, ...]) -> Event[bytes]:
    key, changed, created, deleted, value, old_revision, old_created, old_value, _ = row
    old = None
    if old_revision is not None:
        old = Record(key, old_value, old_revision, old_created or old_revision)
    record = None if deleted else Record(key, value, changed, created or changed)
    return Event(key, changed, record, old)
