"""Connections to the file, its format, and what SQLite's errors mean."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from storage.errors import Corrupt, OutOfSpace, StorageError, Unavailable
from storage.interface import FIRST_REVISION

FORMAT: Final = 2
#: The size at which the write-ahead log is emptied.
WAL_LIMIT: Final = 64 * 1024 * 1024
_CACHE_KIB: Final = 16 * 1024

_SCHEMA: Final = (
    """
    CREATE TABLE log (
        -- AUTOINCREMENT: compaction may delete the last row; its number must not come again.
        revision  INTEGER PRIMARY KEY AUTOINCREMENT,
        key       TEXT    NOT NULL,
        created   INTEGER NOT NULL,           -- the revision that made the key; 0: this one
        previous  INTEGER NOT NULL,           -- the row that this one replaces; 0: none
        deleted   INTEGER NOT NULL DEFAULT 0,
        expires   REAL,                       -- seconds since 1970; only while it is the latest
        following INTEGER NOT NULL DEFAULT 0, -- how many rows of the same commit follow
        value     BLOB
    )
    """,
    "CREATE INDEX log_by_key ON log (key, revision, deleted)",
    "CREATE INDEX log_by_expiry ON log (expires) WHERE expires IS NOT NULL",
    # History before `revision` is given up; the rows up to `forgotten` have been looked through.
    "CREATE TABLE compaction (revision INTEGER NOT NULL, forgotten INTEGER NOT NULL)",
    "INSERT INTO compaction VALUES (0, 0)",
)
#: What brings a file of an older format to the next one.
_UPGRADES: Final = {1: "ALTER TABLE log ADD COLUMN following INTEGER NOT NULL DEFAULT 0"}
_NO_FILE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into what a store raises."""
    try:
        yield
    except sqlite3.Error as error:
        raise meaning(path, error) from error


def meaning(path: Path, error: Exception) -> StorageError:
    """Return what an error of SQLite's means."""
    # The low byte is the error, what is above it says more precisely where it came from.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _NO_FILE:
        return Corrupt(str(path), str(error))
    if code == sqlite3.SQLITE_FULL:
        return OutOfSpace(f"{path}: {error}")
    return Unavailable(f"{path}: {error}")


def prepare(path: Path) -> None:
    """Give a new file its tables, an old one its new format. Raises Corrupt or Unavailable."""
    with translated(path), contextlib.closing(_open(path)) as connection:
        _check_format(connection, path)
        # Finds out now that nothing can be written, and not at the first change.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that any one thread at a time may use."""
    connection = _open(path)
    connection.execute("PRAGMA synchronous = FULL")
    # Nobody else writes; should somebody hold a lock all the same, nothing here may wait for it.
    connection.execute("PRAGMA busy_timeout = 0")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not version and not tables:
        # This order: once the journal is a write-ahead log, auto_vacuum cannot be changed.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        first = "INSERT INTO sqlite_sequence (name, seq) VALUES ('log', ?)"
        connection.execute(first, (FIRST_REVISION,))
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")
        return
    while version in _UPGRADES:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_UPGRADES[version])
        version += 1
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    if version != FORMAT:
        found = f"has format {version}" if version else "was not made by this program"
        raise Corrupt(str(path), f"the file {found}; this version reads format {FORMAT}")
