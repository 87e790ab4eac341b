"""Files of one volume that would lie over or in each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.quoting import quote

_SIMPLE: Final = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
    ("downwardAPI", "DownwardAPI", ""),
)


def warnings_for_overlaps(volumes: list[dict[str, Any]]) -> list[str]:
    """Return what to say of volumes whose files cannot all be there."""
    found: list[str] = []
    for volume in volumes:
        name = quote(volume["name"])
        for member, kind, reference in _SIMPLE:
            source = volume.get(member)
            if source is None or not source.get("items"):
                continue
            title = f"{kind} {quote(source.get(reference, ''))}" if reference else kind
            files = [(item.get("path", ""), "") for item in source["items"]]
            found += _overlaps(files, f"volume {name} ({title})")
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
    return found + list(_overlaps(files, title))


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
    seen: list[tuple[str, str]] = []
    for path, label in files:
        file = path.rstrip("/")
        for other, other_label in seen:
            if _meet(file, other):
                yield (
                    f"{title}: overlapping paths: {quote(file)}{label} with "
                    f"{quote(other)}{other_label}"
                )
        seen.append((file, label))


def _meet(file: str, other: str) -> bool:
    if not file or not other:
        return False
    return file == other or file.startswith(f"{other}/") or other.startswith(f"{file}/")
