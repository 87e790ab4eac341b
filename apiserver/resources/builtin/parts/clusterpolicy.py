"""Server-wide validation settings for all kinds, set once at start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class ClusterPolicy:
    """Settings that validation depends on."""

    #: Whether containers may be privileged.
    allow_privileged: bool = True


POLICY: Final = ClusterPolicy()
