"""How tests wait for what must come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

#: Seconds. What a test waits for comes in milliseconds, but not on a machine that others keep busy.
PATIENCE: Final = 120
_PAUSE: Final = 0.02


def wait_until(holds: Callable[[], object]) -> None:
    """Return when something holds that happens in another process or thread."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "waited for too long"
        time.sleep(_PAUSE)
