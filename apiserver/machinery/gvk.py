"""GroupVersionKind, GroupVersionResource and GroupResource."""

from __future__ import annotations

import re
from typing import NamedTuple

_KUBE_VERSION = re.compile(r"v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?")
_STAGES = {"alpha": 0, "beta": 1, None: 2}


class GroupResource(NamedTuple):
    """A resource in any version, formatted as in messages: ``deployments.apps``."""

    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


class GroupVersionKind(NamedTuple):
    """A kind in a version of a group, formatted as in messages: ``apps/v1, Kind=Deployment``.

    The core group is ``""``, also in messages: ``/v1, Kind=Pod``.
    """

    group: str
    version: str
    kind: str

    def __str__(self) -> str:
        return f"{self.group}/{self.version}, Kind={self.kind}"

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` in the core group."""
        return format_api_version(self.group, self.version)


class GroupVersionResource(NamedTuple):
    """A resource in a version of a group, as in a URL."""

    group: str
    version: str
    resource: str

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` in the core group."""
        return format_api_version(self.group, self.version)


def format_api_version(group: str, version: str) -> str:
    """Join group and version in the form of ``apiVersion``."""
    return f"{group}/{version}" if group else version


def parse_api_version(api_version: str) -> tuple[str, str]:
    """Split ``apiVersion`` into group and version. Raises ValueError if it has two slashes."""
    if api_version.count("/") > 1:
        raise ValueError(f"unexpected GroupVersion string: {api_version}")
    group, _, version = api_version.rpartition("/")
    return group, version


def version_order(version: str) -> tuple[int, int, int, int, str]:
    """Sort key for versions, in the order ``v2, v1, v1beta1, v1alpha1, foo1``.

    The rule is in the CustomResourceDefinition documentation, "Version priority".
    """
    match = _KUBE_VERSION.fullmatch(version)
    if match is None:
        return (1, 0, 0, 0, version)
    major, stage, minor = match.groups()
    return (0, -_STAGES[stage], -int(major), -int(minor or 0), version)
