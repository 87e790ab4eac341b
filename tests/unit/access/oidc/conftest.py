"""A certificate to trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.client.webhook_server import make_certificate


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    path = tmp_path / "authority.crt"
    path.write_text(make_certificate("issuer.example").pem)
    return path
