"""Resource usage of a server with its workers: CPU seconds and resident memory."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its children so far."""
    return sum(cpu_seconds_of_each(pid))


def cpu_seconds_of_each(pid: int) -> list[float]:
    """Return the CPU seconds of a process so far, and those of each of its children."""
    found = []
    for each in _processes(pid):
        stat = Path(f"/proc/{each}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        found.append((int(user) + int(system)) / _TICKS)
    return found


def resident(pid: int) -> float:
    """Return the resident memory of a process and its children in MiB.

    What they share counts once, and of files what the process maps that has most of them.
    """
    anonymous, files = 0, 0
    for each in _processes(pid):
        _, *lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
        kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines}
        anonymous += kib["Pss_Anon"]
        files = max(files, kib["Rss"] - kib["Anonymous"])
    return (anonymous + files) / 1024


def _processes(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def raise_file_limit() -> None:
    """Let this process open as many connections as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
