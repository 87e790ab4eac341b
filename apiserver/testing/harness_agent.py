"""The identity of the harness, by which its requests are distinguished from those of the tests."""

from __future__ import annotations

from typing import Final

#: The User-Agent of the harness.
USER_AGENT: Final = "apiserver.testing"
#: The user that the harness is, and its group.
USER: Final = "apiserver-testing"
GROUP: Final = "system:masters"
