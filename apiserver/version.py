"""The version of Kubernetes that the server reports, and those that it can emulate."""

from __future__ import annotations

import platform

MINOR = "36"
GIT_VERSION = "v1.36.2"

VERSION = {
    "major": "1",
    "minor": MINOR,
    "emulationMajor": "1",
    "emulationMinor": MINOR,
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": str(int(MINOR) - 1),
    "gitVersion": GIT_VERSION,
    "gitCommit": "",
    "gitTreeState": "archive",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.25",
    "compiler": "gc",
    "platform": f"linux/{'arm64' if platform.machine() == 'aarch64' else 'amd64'}",
}

#: The first minor version that can be emulated.
FIRST_EMULATED = "27"


def version_info(emulated: str = MINOR) -> dict[str, str]:
    """Return the document of /version for a server that emulates Kubernetes 1.``emulated``.

    ``major``, ``minor`` and ``gitVersion`` remain those of the server itself (KEP-4330).
    """
    if emulated == MINOR:
        return VERSION
    compatible = max(int(emulated) - 1, int(FIRST_EMULATED))
    return {**VERSION, "emulationMinor": emulated, "minCompatibilityMinor": str(compatible)}
