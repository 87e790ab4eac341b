"""Imports the server's modules without unneeded side effects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STORE: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def without_system_ca() -> Iterator[None]:
    """Hide the system's certificate authorities while the block runs.

    aiohttp loads all of them on import, for clients without a TLS context of their own. That takes
    a tenth of the time of a start; every client here has its own context.
    """
    before = {name: os.environ.get(name) for name in _STORE}
    os.environ.update(dict.fromkeys(_STORE, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
