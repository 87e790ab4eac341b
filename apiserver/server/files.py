"""Private files of the server, written atomically, and a lock between processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PRIVATE_FILE = 0o600
_PRIVATE_DIRECTORY = 0o700


def make_directory(path: Path) -> None:
    """Create a directory with mode 0700 if it does not exist."""
    path.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a file with mode 0600 atomically."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Lock ``directory`` against other servers that share it while the block runs."""
    descriptor = os.open(directory / ".lock", os.O_CREAT | os.O_RDWR, _PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
