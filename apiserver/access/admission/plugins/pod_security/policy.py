"""Levels and versions in the labels of a namespace."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from apiserver.machinery.fielderrors import FieldError, invalid
from apiserver.machinery.valueclasses import valueclass

PRIVILEGED, BASELINE, RESTRICTED = "privileged", "baseline", "restricted"
LEVELS: Final = (PRIVILEGED, BASELINE, RESTRICTED)
ENFORCE, AUDIT, WARN = "enforce", "audit", "warn"
MODES: Final = (ENFORCE, AUDIT, WARN)
LATEST: Final = 1_000_000
_PREFIX: Final = "pod-security.kubernetes.io/"
_ENFORCE, _WARN = _PREFIX + ENFORCE, _PREFIX + WARN
_VERSION: Final = re.compile(r"v1\.([0-9]|[1-9][0-9]*)", re.ASCII)


@valueclass
class LevelVersion:
    """A level, in the version of Kubernetes 1.``minor``."""

    level: str
    minor: int = LATEST

    def __str__(self) -> str:
        version = "latest" if self.minor == LATEST else f"v1.{self.minor}"
        return f"{self.level}:{version}"


@valueclass
class PodSecuritySettings:
    """The defaults of namespaces without labels, and the exemptions.

    ``defaults`` are the labels of namespaces that have none of these names.
    """

    defaults: Mapping[str, str] = field(default_factory=dict)
    usernames: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()


NO_SETTINGS: Final = PodSecuritySettings()


def default_labels(defaults: Mapping[str, str]) -> dict[str, str]:
    """Return the labels for defaults such as ``enforce`` and ``enforce-version``.

    Raises ValueError for a level or a version that does not exist.
    """
    labels = {_PREFIX + name: value for name, value in defaults.items()}
    for error in policy_label_errors(labels):
        name = error.field.partition(_PREFIX)[2].removesuffix("]")
        raise ValueError(f"defaults.{name}: {error.body}")
    return labels


def effective_labels(own: Mapping[str, str], defaults: Mapping[str, str]) -> Mapping[str, str]:
    """Return the labels of a namespace with what applies where it has none.

    What it enforces is also warned about, unless it says otherwise: workloads are not rejected.
    """
    labels = {**defaults, **own} if defaults else own
    enforced = own.get(_ENFORCE)
    if _WARN in own or enforced not in LEVELS:
        return labels
    if LEVELS.index(enforced) <= LEVELS.index(policy_of(labels, WARN).level):
        return labels
    inherited = {_WARN: enforced}
    version = labels.get(f"{_ENFORCE}-version", "")
    if f"{_WARN}-version" not in own and _minor(version) is not None:
        inherited[f"{_WARN}-version"] = version
    return {**labels, **inherited}


def policy_of(labels: Mapping[str, str], mode: str) -> LevelVersion:
    """Return the policy of one mode; an invalid one is enforced as the strictest."""
    level = labels.get(_PREFIX + mode, PRIVILEGED)
    if level not in LEVELS:
        level = RESTRICTED if mode == ENFORCE else PRIVILEGED
    minor = _minor(labels.get(f"{_PREFIX}{mode}-version", "latest"))
    return LevelVersion(level, LATEST if minor is None else minor)


def policy_label_errors(labels: Mapping[str, str]) -> list[FieldError]:
    """Return the errors of the labels."""
    errors = []
    for mode in MODES:
        level, version = _PREFIX + mode, f"{_PREFIX}{mode}-version"
        if level in labels and labels[level] not in LEVELS:
            detail = f"must be one of {', '.join(LEVELS)}"
            errors.append(invalid(f"metadata.labels[{level}]", labels[level], detail))
        if version in labels and _minor(labels[version]) is None:
            detail = 'must be "latest" or "v1.x"'
            errors.append(invalid(f"metadata.labels[{version}]", labels[version], detail))
    return errors


def has_no_labels(labels: Mapping[str, str]) -> bool:
    """Return whether no label is about Pod Security, so that everything is allowed."""
    return not any(name.startswith(_PREFIX) for name in labels)


def sets_mode(labels: Mapping[str, str], mode: str) -> bool:
    """Return whether a label sets the level or the version of a mode."""
    return _PREFIX + mode in labels or f"{_PREFIX}{mode}-version" in labels


def is_relaxed(new: LevelVersion, old: LevelVersion) -> bool:
    """Return whether the new policy allows everything that the old one allowed."""
    return new.minor == old.minor and LEVELS.index(new.level) <= LEVELS.index(old.level)


def _minor(version: str) -> int | None:
    if version == "latest":
        return LATEST
    match = _VERSION.fullmatch(version)
    return int(match[1]) if match else None
