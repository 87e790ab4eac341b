"""The built-in resources: one row each in ``catalog.toml``, a module for a kind with behaviour."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.resources.definition import ResourceDefinition, Subresource
from apiserver.version import MINOR

Row = Mapping[str, Any]

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@cache
def builtin_definitions(minor: str = MINOR) -> Sequence[ResourceDefinition]:
    """Return the definitions of all built-in resources.

    Subresources are those of Kubernetes 1.``minor``, resources always those of the newest version.
    """
    text = Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    subresources = {
        name: row for name, row in tables.pop("sub").items() if row.get("since", "") <= minor
    }
    return tuple(
        _definition(api_version, rows["priority"], name, row, subresources)
        for api_version, rows in tables.items()
        for name, row in rows.items()
        if name != "priority"
    )


def _definition(
    api_version: str,
    priority: tuple[int, int],
    name: str,
    row: Row,
    subresources: Mapping[str, Row],
) -> ResourceDefinition:
    group, version = parse_api_version(api_version)
    gvk = GroupVersionKind(group, version, row["kind"])
    stored_group, stored_version = parse_api_version(row.get("stored", api_version))
    verbs = _words(row["verbs"]) if "verbs" in row else VERBS
    return ResourceDefinition(
        group=group,
        version=version,
        resource=name,
        kind=gvk.kind,
        singular=gvk.kind.lower(),
        namespaced=not row.get("cluster", False),
        verbs=verbs,
        storage_kind=GroupVersionKind(stored_group, stored_version, gvk.kind),
        storage_prefix=row.get("prefix", name),
        short_names=_words(row.get("short", "")),
        categories=_words(row.get("in", "")),
        subresources=tuple(
            _subresource(gvk, sub, found)
            for sub in _words(row.get("sub", ""))
            if (found := subresources.get(f"{name}/{sub}") or subresources.get(sub))
        ),
        list_kind=f"{gvk.kind}List" if "list" in verbs else "",
        group_priority=priority[0],
        version_priority=priority[1],
    )


def _subresource(parent: GroupVersionKind, name: str, row: Row) -> Subresource:
    kind = parent
    if "kind" in row:
        api_version, _, answered = row["kind"].partition(" ")
        kind = GroupVersionKind(*parse_api_version(api_version), answered)
    return Subresource(name, kind, _words(row["verbs"]), _words(row.get("accepts", "")))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())
