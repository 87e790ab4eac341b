"""``python -m apiserver``."""

from __future__ import annotations

import sys

from apiserver.server.cli import main

if __name__ == "__main__":
    sys.exit(main())
