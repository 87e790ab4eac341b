"""The command ``apiserver``, also as ``python -m apiserver``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run a server, or the subcommand ``test`` or ``envtest-assets``."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "test":
        from apiserver.testing.command import main as run_with_server

        return run_with_server(sys.argv[2:])
    if command == "envtest-assets":
        from apiserver.testing.envtest_assets import main as write_envtest_assets

        return write_envtest_assets(sys.argv[2:])
    from apiserver.server.cli import main as run_server

    return run_server()


if __name__ == "__main__":
    sys.exit(main())
