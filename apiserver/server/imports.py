"""Loading the server's modules without what they would do on the way that nobody needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_STORE: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def without_system_ca() -> Iterator[None]:
    """Hide the system's certificate authorities for as long as the block runs.

    aiohttp reads all of them when it is imported, a tenth of the time that a start may take, for
    clients that do not say whom they trust. Ours always say it.
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
