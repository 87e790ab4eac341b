"""Server-wide validation settings for all kinds, set while a server of this process runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class ClusterPolicy:
    """Settings that validation depends on."""

    #: Whether containers may be privileged.
    allow_privileged: bool = True

    @contextmanager
    def applied(self, *, allow_privileged: bool) -> Iterator[None]:
        """Set them for the block, and restore the previous ones afterwards."""
        before = self.allow_privileged
        self.allow_privileged = allow_privileged
        try:
            yield
        finally:
            self.allow_privileged = before


POLICY: Final = ClusterPolicy()
