"""LoadedFiles: files of a configuration that may change while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

State: TypeAlias = tuple[tuple[int, ...] | None, ...]


@dataclass(slots=True)
class LoadedFiles:
    """Files that are loaded together, again by ``load``; ``name`` is what they are, for the log.

    ``load`` raises ValueError or OSError, and changes nothing then. To be made when the files are
    loaded for the first time: what changes from then on is loaded again.
    """

    name: str
    files: Sequence[Path]
    load: Callable[[], None]
    #: The state of the files when they were loaded, or could not be.
    seen: State = field(init=False)

    def __post_init__(self) -> None:
        self.seen = self.state()

    def state(self) -> State:
        """Return a fingerprint of the files, by which changes are detected. Links are followed."""
        return tuple(map(_state, self.files))


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
