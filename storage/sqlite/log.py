"""The log in SQL. Every function is given the connection, inside a transaction where it writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from storage.errors import Compacted, FutureRevision, RevisionConflict
from storage.interface import ABSENT, LATEST, Event, Page, Record

# Greater than every character that a key may hold: the end of a prefix.
_LAST: Final = "\U0010ffff"
_COMPACTED_AT_ONCE: Final = 5000

_AT: Final = (
    "SELECT revision, created, deleted, expires, value FROM log"
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
# What is over at a revision: rows with a later one at or before it, and deletions.
_FORGET: Final = (
    "DELETE FROM log WHERE revision IN (SELECT revision FROM log WHERE revision <= ? AND"
    " (deleted OR EXISTS (SELECT 1 FROM log AS later WHERE later.key = log.key"
    " AND later.revision > log.revision AND later.revision <= ?)) ORDER BY revision LIMIT ?)"
)


class Current(NamedTuple):
    """The latest record of a key and whether it will expire."""

    record: Record[bytes]
    expires: bool


def revision(connection: sqlite3.Connection) -> int:
    """Return the revision of the last change."""
    (found,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
    return int(found)


def compacted(connection: sqlite3.Connection) -> int:
    """Return the revision before which history is forgotten."""
    (found,) = connection.execute("SELECT revision FROM compaction").fetchone()
    return int(found)


def readable(connection: sqlite3.Connection, wanted: int) -> int:
    """Return the revision to read at. Raises Compacted or FutureRevision."""
    newest = revision(connection)
    if wanted == LATEST:
        return newest
    if wanted > newest:
        raise FutureRevision(wanted, newest)
    oldest = compacted(connection)
    if wanted < oldest:
        raise Compacted(wanted, oldest)
    return wanted


def get(connection: sqlite3.Connection, key: str, at: int) -> Record[bytes] | None:
    """Return a record as of ``at``."""
    found = _current(connection, key, readable(connection, at))
    return found.record if found else None


def page(
    connection: sqlite3.Connection, prefix: str, start: str, limit: int, at: int
) -> Page[bytes]:
    """Return records as of ``at``."""
    at = readable(connection, at)
    end = prefix + _LAST
    bounds = (max(prefix, start), end, at, limit or -1)
    records = [
        Record(key, value, changed, created or changed)
        for key, changed, created, _, value in connection.execute(_PAGE, bounds)
    ]
    remaining = 0
    if limit and len(records) == limit:
        (remaining,) = connection.execute(_COUNT, (records[-1].key, end, at)).fetchone()
    return Page(records, at, remaining)


def history(
    connection: sqlite3.Connection, prefix: str, after: int, until: int, limit: int
) -> list[Event[bytes]]:
    """Return what happened after one revision up to another. Raises Compacted."""
    oldest = compacted(connection)
    if after < oldest:
        raise Compacted(after, oldest)
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
        _check(connection, other, needed)
    created = current.record.created if current else 0
    written = _append(connection, current, (key, created, expected, 0, expires, value))
    old = current.record if current else None
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


def begin_compaction(connection: sqlite3.Connection, at: int) -> None:
    """Give up the history before ``at``. Raises Compacted or FutureRevision."""
    newest, oldest = revision(connection), compacted(connection)
    if at > newest:
        raise FutureRevision(at, newest)
    if at <= oldest:
        raise Compacted(at, oldest)
    connection.execute("UPDATE compaction SET revision = ?", (at,))


def forget(connection: sqlite3.Connection) -> bool:
    """Delete some of the rows that were given up; return whether there may be more."""
    at = compacted(connection)
    deleted = connection.execute(_FORGET, (at, at, _COMPACTED_AT_ONCE)).rowcount
    return deleted == _COMPACTED_AT_ONCE


def _current(connection: sqlite3.Connection, key: str, at: int) -> Current | None:
    row = connection.execute(_AT, (key, at)).fetchone()
    if row is None or row[2]:
        return None
    changed, created, _, expires, value = row
    return Current(Record(key, value, changed, created or changed), expires is not None)


def _check(connection: sqlite3.Connection, key: str, expected: int) -> Current | None:
    current = _current(connection, key, (1 << 63) - 1)
    if (current.record.revision if current else ABSENT) != expected:
        raise RevisionConflict(key, expected, current.record if current else None)
    return current


def _append(
    connection: sqlite3.Connection, current: Current | None, row: tuple[Any, ...]
) -> int:
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
