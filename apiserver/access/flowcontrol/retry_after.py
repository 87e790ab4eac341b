"""RetryAfter: how long rejected clients of a priority level should wait before they try again."""

from __future__ import annotations

from collections import deque
from typing import Final

_LONGEST: Final = 32


class RetryAfter:
    """Doubles the seconds while many requests are rejected, and reduces them by one while few are.

    Many are three a second over the last ``seconds`` seconds, few less than one.
    """

    def __init__(self) -> None:
        self.seconds = 1
        self._doubled_at = 0
        # The seconds in which requests were rejected, and how many.
        self._rejected: deque[tuple[int, int]] = deque()
        self._second = 0
        self._count = 0

    def note_rejection(self, now: float) -> None:
        """Count a rejected request. At most once a second the advice changes."""
        second = int(now)
        if second == self._second:
            self._count += 1
            return
        self._rejected.append((self._second, self._count))
        self._second, self._count = second, 1
        while self._rejected and second - self._rejected[0][0] > _LONGEST:
            self._rejected.popleft()
        self._update(second)

    def _update(self, second: int) -> None:
        seconds = self.seconds
        recent = sum(count for then, count in self._rejected if second - then <= seconds)
        if second - self._doubled_at >= seconds and recent >= 3 * seconds:
            self.seconds = min(2 * seconds, _LONGEST)
            self._doubled_at = second
        elif recent < seconds and seconds > 1:
            self.seconds -= 1
