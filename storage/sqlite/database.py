"""The file: opening it, its format, and that no other process has it open."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final

from storage.errors import Corrupt, Unavailable
from storage.interface import FIRST_REVISION

FORMAT: Final = 1
_WAL_LIMIT: Final = 64 * 1024 * 1024

_SCHEMA: Final = f"""
CREATE TABLE log (
    -- AUTOINCREMENT: compaction may delete the last row, and its number must not come again.
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    key      TEXT    NOT NULL,
    created  INTEGER NOT NULL,           -- the revision that made the key; 0: this one
    previous INTEGER NOT NULL,           -- the revision that this one replaces; 0: none
    deleted  INTEGER NOT NULL DEFAULT 0,
    expires  REAL,                       -- seconds since 1970; only while it is the latest
    value    BLOB
);
CREATE INDEX log_by_key ON log (key, revision, deleted);
CREATE INDEX log_by_expiry ON log (expires) WHERE expires IS NOT NULL;
CREATE TABLE compaction (revision INTEGER NOT NULL);
INSERT INTO compaction VALUES (0);
INSERT INTO sqlite_sequence (name, seq) VALUES ('log', {FIRST_REVISION});
PRAGMA user_version = {FORMAT};
"""


class Lock:
    """Keeps other processes from opening the file, through a lock on a file beside it."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise Unavailable(f"{path} is in use by another process") from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let others open the file."""
        os.close(self._descriptor)


def prepare(path: Path) -> None:
    """Make the file if it is not there. Raises Corrupt or Unavailable for one that cannot be used."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            _check_format(connection, path)
        except sqlite3.OperationalError as error:
            raise Unavailable(f"{path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise Corrupt(str(path), str(error)) from error


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection that any one thread at a time may use."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
    return connection


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not version and not tables:
        # This order: once the journal is a write-ahead log, auto_vacuum cannot be changed.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
    elif version != FORMAT:
        found = f"format {version}" if version else "no format that this version knows"
        raise Corrupt(str(path), f"it has {found}, expected {FORMAT}")
