"""Connections to the database file, its format, and the translation of SQLite's errors."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from storage.errors import Corrupt, OutOfSpace, StorageError, Unavailable
from storage.interface import FIRST_REVISION

FORMAT: Final = 2
#: The size in bytes at which the write-ahead log is truncated.
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
    # History before `revision` is compacted; the rows up to `forgotten` have been processed.
    "CREATE TABLE compaction (revision INTEGER NOT NULL, forgotten INTEGER NOT NULL)",
    "INSERT INTO compaction VALUES (0, 0)",
)
#: The statement that upgrades a file from each older format to the next one.
_UPGRADES: Final = {1: "ALTER TABLE log ADD COLUMN following INTEGER NOT NULL DEFAULT 0"}
_NO_FILE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate SQLite's exceptions into `StorageError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise meaning(path, error) from error


def meaning(path: Path, error: Exception) -> StorageError:
    """Return the `StorageError` for an exception of SQLite."""
    # The low byte is the primary error code; the higher bytes refine it.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _NO_FILE:
        return Corrupt(str(path), str(error))
    if code == sqlite3.SQLITE_FULL:
        return OutOfSpace(f"{path}: {error}")
    return Unavailable(f"{path}: {error}")


def prepare(path: Path) -> None:
    """Create the tables of a new file, or upgrade an old one. Raises Corrupt or Unavailable."""
    with translated(path), contextlib.closing(_open(path)) as connection:
        _check_format(connection, path)
        # Fail now, rather than at the first change, if the file is not writable.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that any thread may use, one at a time."""
    connection = _open(path)
    connection.execute("PRAGMA synchronous = FULL")
    # No other process should write. If one holds a lock nevertheless, fail instead of waiting.
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
        # The order matters: auto_vacuum cannot be changed in WAL mode.
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
