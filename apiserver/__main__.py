"""The command ``apiserver``, also as ``python -m apiserver``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run a server, or with ``test`` as the first argument another command with one."""
    if sys.argv[1:2] == ["test"]:
        from apiserver.testing.command import main as run_with_server

        return run_with_server(sys.argv[2:])
    from apiserver.server.cli import main as run_server

    return run_server()


if __name__ == "__main__":
    sys.exit(main())
