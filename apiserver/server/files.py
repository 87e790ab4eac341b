"""Files that the server keeps: written whole or not at all, private, by one process at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PRIVATE_FILE = 0o600
_PRIVATE_DIRECTORY = 0o700


def make_directory(path: Path) -> None:
    """Make a directory that only its owner can enter, if it is not there."""
    path.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read; whoever reads it finds all of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Keep other servers that share ``directory`` out for as long as the block runs."""
    descriptor = os.open(directory / ".lock", os.O_CREAT | os.O_RDWR, _PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
