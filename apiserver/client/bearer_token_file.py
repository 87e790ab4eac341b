"""BearerTokenFile: a token in a file that something else rotates, such as a kubelet.

The file is read again about every minute, as client-go does, and after a token was refused. What
cannot be read then changes nothing: the token before it may still be valid.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from apiserver.machinery.times import Clock, system_clock

#: For how many seconds the file is not read again.
FRESH_SECONDS: Final = 50.0

log = logging.getLogger(__name__)


class BearerTokenFile:
    """The token of a file."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        """Read the file. Raises OSError, and ValueError without a token."""
        self._path = path
        self._clock = clock or system_clock()
        self._token = _read(path)
        self._expires = self._clock.monotonic() + FRESH_SECONDS

    def token(self) -> str:
        """Return the token in the file, cached for a minute."""
        if self._clock.monotonic() >= self._expires:
            try:
                self._token = _read(self._path)
                self._expires = self._clock.monotonic() + FRESH_SECONDS
            except (OSError, ValueError) as error:
                log.warning("unable to rotate token: %s", error)
        return self._token

    def expire(self) -> None:
        """Read the file before the token is used again."""
        self._expires = self._clock.monotonic()


def _read(path: Path) -> str:
    token = path.read_text().strip()
    if not token:
        raise ValueError(f"read empty token from file {path}")
    return token
