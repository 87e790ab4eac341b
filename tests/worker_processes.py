"""The workers of a server, as the system sees them: their processes, sockets and open files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.server_process import ServerProcess

_ESTABLISHED: Final = "01"
_LISTENING: Final = "0A"


def pids_of_workers(server: ServerProcess) -> list[int]:
    """Return the processes of the workers of a server."""
    assert server.process is not None
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def open_files(pid: int) -> list[str]:
    """Return what the open files of a process are, such as ``socket:[1234]``."""
    found = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(file.readlink()))
        except FileNotFoundError:
            continue
    return found


def clients_of_workers(server: ServerProcess) -> dict[int, set[int]]:
    """Return the ports of the clients that are connected with each worker, by its process."""
    clients = _sockets(server, _ESTABLISHED)
    return {
        pid: {clients[file] for file in open_files(pid) if file in clients}
        for pid in pids_of_workers(server)
    }


def pids_that_listen(server: ServerProcess) -> list[int]:
    """Return the processes of a server that have its listening socket."""
    assert server.process is not None
    processes = [server.process.pid, *pids_of_workers(server)]
    (listening,) = _sockets(server, _LISTENING)
    return [pid for pid in processes if listening in open_files(pid)]


def _sockets(server: ServerProcess, state: str) -> dict[str, int]:
    """Return the remote ports of the sockets on a server's port, by what they are as files."""
    port = int(server.url.rpartition(":")[2])
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, status, *rest = line.split()
        if status == state and _port(local) == port:
            found[f"socket:[{rest[5]}]"] = _port(remote)
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
