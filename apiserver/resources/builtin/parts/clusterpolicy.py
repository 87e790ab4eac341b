"""What the server as a whole allows, whatever the kind: set once when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True)
class ClusterPolicy:
    """Switches that validation heeds."""

    #: Whether containers may be privileged.
    allow_privileged: bool = True


POLICY: Final = ClusterPolicy()
