"""How the requests of the harness itself are told from those of what is tested."""

from __future__ import annotations

from typing import Final

#: The User-Agent of the harness.
USER_AGENT: Final = "apiserver.testing"
#: The user that the harness is, and its group.
USER: Final = "apiserver-testing"
GROUP: Final = "system:masters"
