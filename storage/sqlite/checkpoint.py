"""Checkpoints: copies the write-ahead log into the database file in the background.

By default, SQLite makes a commit wait for a copy of the log and two fsyncs after every thousand
pages. Here another thread copies the log while commits continue. That thread cannot truncate the
log during writes, so the writer truncates it when it has reached a size limit; little is left to
copy by then.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from storage.sqlite.database import WAL_LIMIT, connect

log = logging.getLogger(__name__)

#: How far the log may grow, in bytes, before it is copied.
_STEP: Final = 8 * 1024 * 1024


class Checkpoints:
    """Limits the size of the write-ahead log. ``writer`` is the connection that commits."""

    def __init__(self, path: Path, writer: sqlite3.Connection) -> None:
        self._log = Path(f"{path}-wal")
        self._writer = writer
        self._copier = connect(path)
        self._copied = 0
        self._orders: SimpleQueue[str] = SimpleQueue()
        self._copying = False
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpoint", daemon=True)
        self._thread.start()

    def after_commit(self, *, full: bool = False) -> None:
        """Copy or truncate the log if it is due; called in the thread that commits.

        If the disk is ``full``, truncates the log at once to free its space.
        """
        try:
            if full:
                self._empty()
                return
            size = os.stat(self._log).st_size
            if size > WAL_LIMIT:
                self._empty()
            elif size < self._copied:
                self._copied = 0
            elif size > self._copied + _STEP and not self._copying:
                self._copying = True
                self._copied = size
                self._orders.put("PRAGMA wal_checkpoint(PASSIVE)")
        except (sqlite3.Error, OSError) as error:
            log.warning("%s: emptying the write-ahead log failed: %s", self._log, error)

    def close(self) -> None:
        """Stop copying; blocks until a copy in progress is done."""
        self._orders.put("")
        self._thread.join()
        self._copier.close()

    def _empty(self) -> None:
        busy, *_ = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            self._copied = 0

    def _run(self) -> None:
        while order := self._orders.get():
            try:
                self._copier.execute(order).fetchall()
            except sqlite3.Error as error:
                log.warning("%s: copying the write-ahead log failed: %s", self._log, error)
            self._copying = False
