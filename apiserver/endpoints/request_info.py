"""Parses method and URL into a RequestInfo: verb, group, version, resource, namespace, name.

Paths are matched by shape, so resources may come and go while the server runs:

    /api/v1/...                                     the core group
    /apis/GROUP/VERSION/...                         other groups, followed by
        RESOURCE[/NAME[/SUBRESOURCE[/...]]]
        namespaces/NAMESPACE/RESOURCE[/NAME[/SUBRESOURCE[/...]]]
        watch/...                                   deprecated watches of either form
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from apiserver.machinery.textcache import cache_by_text
from apiserver.machinery.valueclasses import valueclass

_VERBS = {
    "POST": "create",
    "GET": "get",
    "HEAD": "get",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
# Subresources of a namespace; any other third segment is a resource in the namespace.
_NAMESPACE_SUBRESOURCES = frozenset(["status", "finalize"])
_BEFORE_RESOURCES: Final = frozenset(["proxy", "watch"])
_COLLECTION_VERBS: Final = {"get": "list", "delete": "deletecollection"}

# The cache is limited in entries and in size, because clients choose the paths.
_MAX_CACHED: Final = 4096
_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


class NoResourceInPath(ValueError):
    """A path ends after the prefix of a resource: ``/api/v1/watch``."""


@valueclass
class RequestInfo:
    """The attributes of a request's URL. For a non-resource path only verb and path are set.

    ``parts`` is the number of path segments from the resource on.
    """

    verb: str
    path: str
    is_resource: bool = False
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    parts: int = 0
    watch_prefix: bool = False

    @property
    def is_collection(self) -> bool:
        """Whether the path names a collection, not a single object."""
        return self.parts == 1


def parse(method: str, path: str) -> RequestInfo:
    """Parse a method and a percent-encoded path without its query.

    Raises NoResourceInPath, and ValueError for a malformed path.
    """
    return _remembered(path, method)


def _parse(path: str, method: str) -> RequestInfo:
    decoded = path
    if "%" in path:
        if _BROKEN_ESCAPE.search(path):
            raise ValueError("invalid URL escape")
        # As in kube-apiserver, an escaped slash counts as a slash.
        decoded = unquote(path)
    segments = decoded.strip("/").split("/")
    if segments[0] == "api" and len(segments) >= 3:
        group, version, rest = "", segments[1], segments[2:]
    elif segments[0] == "apis" and len(segments) >= 4:
        group, version, rest = segments[1], segments[2], segments[3:]
    else:
        return RequestInfo(method.lower(), decoded)
    if len(rest) == 1 and rest[0] in _BEFORE_RESOURCES:
        raise NoResourceInPath(decoded)
    watch_prefix = rest[0] == "watch"
    if watch_prefix:
        rest = rest[1:]
    verb = "watch" if watch_prefix else _VERBS.get(method, "")
    namespace, parts = _namespace(rest)
    resource, name, subresource = (*parts[:3], "", "", "")[:3]
    if resource == "namespaces" and not namespace and name:
        namespace = name
    if len(parts) == 1 and not watch_prefix:
        verb = _COLLECTION_VERBS.get(verb, verb)
    return RequestInfo(
        verb=verb,
        path=decoded,
        is_resource=True,
        group=group,
        version=version,
        namespace=namespace,
        resource=resource,
        name=name,
        subresource=subresource,
        parts=len(parts),
        watch_prefix=watch_prefix,
    )


_remembered = cache_by_text(_MAX_CACHED)(_parse)


def _namespace(rest: list[str]) -> tuple[str, list[str]]:
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
        return rest[1], rest[2:]
    return "", rest
