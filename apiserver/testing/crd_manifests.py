"""Installs CustomResourceDefinitions from files, and waits until they are Established."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from apiserver.testing.rest import RestClient

_PATH: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_MANAGER: Final = "apiserver-testing"
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_KIND: Final = "CustomResourceDefinition"
_PAUSE: Final = 0.005

#: A file, a directory of files, or a definition itself.
Source: TypeAlias = str | Path | Mapping[str, Any]


class CRDNotEstablished(Exception):
    """A definition was stored, and is not served; the message has its conditions."""


def install(rest: RestClient, sources: tuple[Source, ...], timeout: float) -> list[str]:
    """Apply all definitions and wait until they are served; return their names.

    Documents of other kinds in the files are left out. Raises FileNotFoundError, CRDNotEstablished,
    and RequestRefused for a definition that is not valid.
    """
    documents = [document for source in sources for document in _definitions(source)]
    names = [document["metadata"]["name"] for document in documents]
    for name, document in zip(names, documents, strict=True):
        rest.apply(f"{_PATH}/{name}", document, _MANAGER)
    deadline = time.monotonic() + timeout
    for name in names:
        _wait(rest, name, deadline)
    return names


def _wait(rest: RestClient, name: str, deadline: float) -> None:
    """Wait until a definition is established, and its resources are found."""
    while True:
        crd = rest.request("GET", f"{_PATH}/{name}")
        conditions = (crd.get("status") or {}).get("conditions") or []
        if any(each["type"] == "Established" and each["status"] == "True" for each in conditions):
            break
        if time.monotonic() > deadline:
            raise CRDNotEstablished(f"{name} is not established: {conditions}")
        time.sleep(_PAUSE)
    spec = crd["spec"]
    for version in spec["versions"]:
        path = f"/apis/{spec['group']}/{version['name']}"
        while version["served"] and not _is_found(rest, path, spec["names"]["plural"]):
            if time.monotonic() > deadline:
                raise CRDNotEstablished(f"{name} is not served: {conditions}")
            time.sleep(_PAUSE)


def _is_found(rest: RestClient, path: str, plural: str) -> bool:
    from apiserver.testing.rest import RequestRefused

    try:
        found = rest.request("GET", path)
    except RequestRefused as error:
        if error.code != 404:
            raise
        return False
    return any(each["name"] == plural for each in found["resources"])


def _definitions(source: Source) -> Iterator[dict[str, Any]]:
    if isinstance(source, Mapping):
        yield {**source}
        return
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(path)
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    import yaml

    for file in files:
        if file.is_file() and (file == path or file.suffix in _SUFFIXES):
            for document in yaml.safe_load_all(file.read_text()):
                if isinstance(document, dict) and document.get("kind") == _KIND:
                    yield document
