"""Free ports, for programs that need one given, and servers that restart on the same one."""

from __future__ import annotations

import os
import socket
from itertools import count
from typing import Final

#: Systems give away higher ports, to those who ask for any and to every connection that goes out:
#: one of them may be taken between the moment that it is found free and the one that it is used.
_PORTS: Final = range(16_000, 32_000)
#: The processes of a test run have consecutive numbers, and each has ports of its own.
_OF_EACH: Final = 100
_given: Final = count()


def free_port() -> int:
    """Return a local port that nothing listens on, and that nobody else is given meanwhile."""
    first = os.getpid() * _OF_EACH % len(_PORTS)
    for _ in range(_OF_EACH):
        port = _PORTS[first + next(_given) % _OF_EACH]
        with socket.socket() as probe:
            # Connections of before that have not quite ended keep no server from listening.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")
