"""What several tests of stores start from."""

from __future__ import annotations

import pytest

from tests.etcd_process import free_ports


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    return free_ports(1)[0]
