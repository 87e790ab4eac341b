"""Warnings about files of one volume whose paths overlap."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import Any, Final

from apiserver.machinery.quoting import quote
from apiserver.machinery.warnings import limited

_SIMPLE: Final = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("downwardAPI", "DownwardAPI", ""),
)


def warnings_for_overlaps(volumes: list[dict[str, Any]]) -> list[str]:
    """Return the warnings for volumes with conflicting file paths."""
    found: list[str] = []
    for volume in volumes:
        name = quote(volume["name"])
        for member, kind, reference in _SIMPLE:
            source = volume.get(member)
            if source is None or not source.get("items"):
                continue
            title = f"{kind} {quote(source.get(reference, ''))}" if reference else kind
            files = [(item.get("path", ""), "") for item in source["items"]]
            found += limited(_overlaps(files, f"volume {name} ({title})"))
        if "projected" in volume:
            found += _projected(volume["projected"], f"volume {name} (Projected)")
    return found


def _projected(source: Mapping[str, Any], title: str) -> list[str]:
    found = []
    files: list[tuple[str, str]] = []
    for part in source.get("sources") or ():
        if not part:
            found.append(f"{title} has no sources provided")
        files += _files(part)
    return found + limited(_overlaps(files, title))


def _files(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for member, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if member in part:
            label = f" ({kind} {quote(part[member].get('name', ''))})"
            yield from ((item.get("path", ""), label) for item in part[member].get("items") or ())
    if "downwardAPI" in part:
        items = part["downwardAPI"].get("items") or ()
        yield from ((item.get("path", ""), " (DownwardAPI)") for item in items)
    if "serviceAccountToken" in part:
        yield part["serviceAccountToken"].get("path", ""), " (ServiceAccountToken)"
    if "clusterTrustBundle" in part:
        bundle = part["clusterTrustBundle"]
        name = bundle.get("name") or bundle.get("signerName") or ""
        yield bundle.get("path", ""), f" (ClusterTrustBundle {quote(name)})"


def _overlaps(files: list[tuple[str, str]], title: str) -> Iterator[str]:
    """Yield the warnings about pairs of files, without duplicates."""
    entries = [(path.rstrip("/"), label) for path, label in files]
    folders = _tree({file for file, _ in entries if file})
    seen: list[tuple[str, str]] = []
    # How many files there were when one was last compared with them; the same one may come again.
    compared: dict[tuple[str, str], int] = {}
    for entry in entries:
        file, label = entry
        if not file:
            continue
        folder = folders[file]
        for index in folder.meeting(compared.get(entry, 0)):
            other, other_label = seen[index]
            yield (
                f"{title}: overlapping paths: {quote(file)}{label} with {quote(other)}{other_label}"
            )
        again = entry in compared
        compared[entry] = len(seen)
        if not again:
            folder.add(len(seen))
            seen.append(entry)


class _Folder:
    """A path, which may be a file and may contain other files, numbered in order."""

    __slots__ = ("_above", "_files", "_inside")

    def __init__(self, above: _Folder | None) -> None:
        self._above = above
        self._files: list[int] = []
        self._inside: list[int] = []

    def add(self, index: int) -> None:
        """Note that a file has this path."""
        self._files.append(index)
        for folder in self._upwards():
            folder._inside.append(index)

    def meeting(self, since: int) -> Iterator[int]:
        """Yield, in order, the files from ``since`` on that are here, inside, or around this."""
        lists = [folder._files for folder in self._upwards() if folder is not self]
        lists.append(self._inside)
        return merge(*(islice(found, bisect_left(found, since), None) for found in lists))

    def _upwards(self) -> Iterator[_Folder]:
        folder: _Folder | None = self
        while folder is not None:
            yield folder
            folder = folder._above


def _tree(files: Iterable[str]) -> dict[str, _Folder]:
    """Return the paths, each with the nearest enclosing one among the others."""
    folders: dict[str, _Folder] = {}
    around: list[tuple[str, _Folder]] = []
    for inside, file in sorted((f"{file}/", file) for file in files):
        while around and not inside.startswith(around[-1][0]):
            around.pop()
        folders[file] = _Folder(around[-1][1] if around else None)
        around.append((inside, folders[file]))
    return folders
