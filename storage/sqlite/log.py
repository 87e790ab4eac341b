"""The log in SQL. Every function is given the connection, inside a transaction where it writes.

Compaction goes through the rows of the revisions that it gives up: each names the row that it
replaced, which is over then, and so is a deletion itself. What is not named stays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from storage.errors import RevisionConflict
from storage.interface import ABSENT, Event, Record

# Greater than every character that a key may hold: the end of a prefix.
_LAST: Final = "\U0010ffff"

_NEWEST: Final = (
    "SELECT revision, created, deleted, expires, value FROM log"
    " WHERE key = ? ORDER BY revision DESC LIMIT 1"
)
_NEWEST_REVISION: Final = (
    "SELECT revision, deleted FROM log WHERE key = ? ORDER BY revision DESC LIMIT 1"
)
_AT: Final = (
    "SELECT revision, created, deleted, value FROM log"
    " WHERE key = ? AND revision <= ? ORDER BY revision DESC LIMIT 1"
)
# SQLite takes the other columns from the row that has the maximum.
_PAGE: Final = (
    "SELECT key, max(revision), created, deleted, value FROM log"
    " WHERE key >= ? AND key < ? AND revision <= ?"
    " GROUP BY key HAVING NOT deleted ORDER BY key LIMIT ?"
)
_COUNT: Final = (
    "SELECT count(*) FROM (SELECT max(revision), deleted FROM log"
    " WHERE key > ? AND key < ? AND revision <= ? GROUP BY key HAVING NOT deleted)"
)
_HISTORY: Final = (
    "SELECT log.key, log.revision, log.created, log.deleted, log.value,"
    " old.revision, old.created, old.value"
    " FROM log LEFT JOIN log AS old ON old.revision = log.previous"
    " WHERE log.revision > ? AND log.revision <= ? AND log.key >= ? AND log.key < ?"
    " ORDER BY log.revision LIMIT ?"
)
_APPEND: Final = (
    "INSERT INTO log (key, created, previous, deleted, expires, value) VALUES (?, ?, ?, ?, ?, ?)"
)
_DUE: Final = "SELECT key, revision FROM log WHERE expires <= ? ORDER BY expires LIMIT ?"
_FORGET_REPLACED: Final = (
    "DELETE FROM log WHERE revision IN"
    " (SELECT previous FROM log WHERE revision > ? AND revision <= ? AND previous != 0)"
)
_FORGET_DELETIONS: Final = "DELETE FROM log WHERE revision > ? AND revision <= ? AND deleted"


class Current(NamedTuple):
    """The latest record of a key and whether it will expire."""

    record: Record[bytes]
    expires: bool


def revision(connection: sqlite3.Connection) -> int:
    """Return the revision of the last change."""
    (found,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
    return int(found)


def compacted(connection: sqlite3.Connection) -> int:
    """Return the revision before which history is given up."""
    (found,) = connection.execute("SELECT revision FROM compaction").fetchone()
    return int(found)


def get(connection: sqlite3.Connection, key: str, at: int) -> Record[bytes] | None:
    """Return a record as of ``at``."""
    row = connection.execute(_AT, (key, at)).fetchone()
    if row is None or row[2]:
        return None
    changed, created, _, value = row
    return Record(key, value, changed, created or changed)


def page(
    connection: sqlite3.Connection, prefix: str, start: str, limit: int, at: int
) -> list[Record[bytes]]:
    """Return ``limit`` records as of ``at``."""
    bounds = (max(prefix, start), prefix + _LAST, at, limit)
    return [
        Record(key, value, changed, created or changed)
        for key, changed, created, _, value in connection.execute(_PAGE, bounds)
    ]


def count(connection: sqlite3.Connection, prefix: str, after: str, at: int) -> int:
    """Return how many records there were at ``at`` whose key comes after ``after``."""
    (found,) = connection.execute(_COUNT, (after, prefix + _LAST, at)).fetchone()
    return int(found)


def history(
    connection: sqlite3.Connection, prefix: str, after: int, until: int, limit: int
) -> list[Event[bytes]]:
    """Return the first ``limit`` events after one revision up to another."""
    bounds = (after, until, prefix, prefix + _LAST, limit)
    return [_event(row) for row in connection.execute(_HISTORY, bounds)]


def put(
    connection: sqlite3.Connection,
    record: tuple[str, bytes, float | None],
    expected: int,
    requires: Mapping[str, int],
) -> Event[bytes]:
    """Write a key: its name, its value and when it expires. Raises RevisionConflict."""
    key, value, expires = record
    current = _check(connection, key, expected)
    for other, needed in requires.items():
        _require(connection, other, needed)
    old = current.record if current else None
    created = old.created if old else 0
    written = _append(connection, current, (key, created, expected, 0, expires, value))
    return Event(key, written, Record(key, value, written, created or written), old)


def delete(connection: sqlite3.Connection, key: str, expected: int) -> Event[bytes]:
    """Delete a key. Raises RevisionConflict."""
    current = _check(connection, key, expected)
    if current is None:
        raise RevisionConflict(key, expected, None)
    old = current.record
    written = _append(connection, current, (key, old.created, expected, 1, None, None))
    return Event(key, written, None, old)


def expire(connection: sqlite3.Connection, now: float, limit: int) -> list[Event[bytes]]:
    """Delete what was to live until ``now``, the most overdue first."""
    due = connection.execute(_DUE, (now, limit)).fetchall()
    return [delete(connection, key, changed) for key, changed in due]


def next_expiry(connection: sqlite3.Connection) -> float | None:
    """Return when the next key expires."""
    query = "SELECT min(expires) FROM log WHERE expires IS NOT NULL"
    (found,) = connection.execute(query).fetchone()
    return None if found is None else float(found)


def give_up(connection: sqlite3.Connection, at: int) -> None:
    """Give up the history before ``at``; the rows go later."""
    connection.execute("UPDATE compaction SET revision = ?", (at,))


def forget(connection: sqlite3.Connection, at_once: int) -> bool:
    """Delete what is over by some of the revisions given up; return whether there are more."""
    until, after = connection.execute("SELECT revision, forgotten FROM compaction").fetchone()
    if after >= until:
        return False
    here = min(after + at_once, until)
    connection.execute(_FORGET_REPLACED, (after, here))
    connection.execute(_FORGET_DELETIONS, (after, here))
    connection.execute("UPDATE compaction SET forgotten = ?", (here,))
    return bool(here < until)


def shrink(connection: sqlite3.Connection, pages: int) -> bool:
    """Give unused pages back to the disk; return whether more than a few are left."""
    connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
    (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
    (total,) = connection.execute("PRAGMA page_count").fetchone()
    return bool(unused > pages + total // 10)


def _newest(connection: sqlite3.Connection, key: str) -> Current | None:
    row = connection.execute(_NEWEST, (key,)).fetchone()
    if row is None or row[2]:
        return None
    changed, created, _, expires, value = row
    return Current(Record(key, value, changed, created or changed), expires is not None)


def _check(connection: sqlite3.Connection, key: str, expected: int) -> Current | None:
    current = _newest(connection, key)
    if (current.record.revision if current else ABSENT) != expected:
        raise RevisionConflict(key, expected, current.record if current else None)
    return current


def _require(connection: sqlite3.Connection, key: str, needed: int) -> None:
    # The value is read only where it is to be shown.
    row = connection.execute(_NEWEST_REVISION, (key,)).fetchone()
    if (ABSENT if row is None or row[1] else row[0]) != needed:
        _check(connection, key, needed)


def _append(connection: sqlite3.Connection, current: Current | None, row: tuple[Any, ...]) -> int:
    if current is not None and current.expires:
        query = "UPDATE log SET expires = NULL WHERE revision = ?"
        connection.execute(query, (current.record.revision,))
    written = connection.execute(_APPEND, row).lastrowid
    assert written is not None
    return written


def _event(row: tuple[Any, ...]) -> Event[bytes]:
    key, changed, created, deleted, value, old_revision, old_created, old_value = row
    old = None
    if old_revision is not None:
        old = Record(key, old_value, old_revision, old_created or old_revision)
    record = None if deleted else Record(key, value, changed, created or changed)
    return Event(key, changed, record, old)
