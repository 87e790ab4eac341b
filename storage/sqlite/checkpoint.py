"""Checkpoints: the write-ahead log is copied into the file while writing goes on.

Left to SQLite, every thousandth page makes a commit wait until the log has been copied, with two
fsyncs. Here another thread copies while commits go on. It cannot empty the log under the writer's
feet, so the writer does when the log has grown to a limit; little is then left to copy.
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

#: How much the log may grow before it is copied.
_STEP: Final = 8 * 1024 * 1024


class Checkpoints:
    """Keeps the write-ahead log of one file short. ``writer`` is the connection that commits."""

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
        """Keep the log short; called in the thread that commits.

        Its space is given back at once where the disk is ``full``.
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
        """Stop copying; blocks until what was begun is done."""
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
