"""How long a start takes, and what an idle server weighs. Prints; asserts nothing.

    python tests/bench/bench_start.py [RUNS] [FLAG ...]

The time runs from the start of the process to the first 200 of /readyz, over TLS, asked from
another process without pause. The first line is a start on nothing: keys are made, the store is
filled.
"""

from __future__ import annotations

import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

APISERVER = Path(sys.executable).with_name("apiserver")
PATIENCE = 20.0


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    flags = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="bench-start-") as directory:
        # A server is restarted on its port: on another one it would change its own Service.
        port = free_port()
        first, _ = started(Path(directory), port, flags)
        print(f"first start  {1000 * first:6.0f} ms to /readyz")
        measured = [started(Path(directory), port, flags) for _ in range(runs)]
    seconds = [each for each, _ in measured]
    memory = [each for _, each in measured]
    print(
        f"later starts {1000 * statistics.median(seconds):6.0f} ms to /readyz (median of {runs}, "
        f"{1000 * min(seconds):.0f}-{1000 * max(seconds):.0f})"
    )
    print(f"idle memory  {statistics.median(memory) / 1024:6.1f} MiB resident")


def started(directory: Path, port: int, flags: list[str]) -> tuple[float, int]:
    """Return the seconds of one start, and the KiB that the server then takes."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [APISERVER, f"--data-dir={directory}", f"--secure-port={port}", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not is_ready(port):
            if process.poll() is not None or time.perf_counter() - begun > PATIENCE:
                raise SystemExit("the server did not start")
            time.sleep(0.002)
        seconds = time.perf_counter() - begun
        time.sleep(1.0)
        return seconds, resident(process.pid)
    finally:
        process.terminate()
        process.wait()


def is_ready(port: int) -> bool:
    """Tell whether the server on ``port`` says that it is ready."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain) as tls,
        ):
            tls.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return tls.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def resident(pid: int) -> int:
    """Return the resident memory of a process in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit("no such process")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
