"""Reads the configuration of encryption at rest, if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from apiserver.resources.builtin.kinds import builtin_catalog
from apiserver.server.config import Config

if TYPE_CHECKING:
    from apiserver.registry.encryption.encryption import Encryption


def load_encryption(config: Config) -> Encryption | None:
    """Return the encryption that is configured. Raises ConfigurationError and OSError."""
    if not config.encryption_provider_config:
        return None
    # Ciphers and messages of gRPC are imported by the servers that use them.
    from apiserver.registry.encryption.encryption import Encryption

    path = Path(config.encryption_provider_config)
    return Encryption(path, config.etcd_prefix, builtin_catalog().definitions())
