"""Deprecated labels of nodes, most of which have a new name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from apiserver.machinery.names import label_value_problems

_NEW_NAMES: Final = {
    "beta.kubernetes.io/arch": ("v1.14", "kubernetes.io/arch"),
    "beta.kubernetes.io/os": ("v1.14", "kubernetes.io/os"),
    "failure-domain.beta.kubernetes.io/region": ("v1.17", "topology.kubernetes.io/region"),
    "failure-domain.beta.kubernetes.io/zone": ("v1.17", "topology.kubernetes.io/zone"),
    "beta.kubernetes.io/instance-type": ("v1.17", "node.kubernetes.io/instance-type"),
}
_WARNINGS: Final = {
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": (
        "deprecated since v1.22; use Taints and Tolerations instead"
    ),
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
    **{
        key: f'deprecated since {since}; use "{instead}" instead'
        for key, (since, instead) in _NEW_NAMES.items()
    },
}


def new_node_label(key: str) -> str:
    """Return the new name of a renamed node label, ``""`` for other labels."""
    return _NEW_NAMES.get(key, ("", ""))[1]


def node_label_warning(key: str) -> str:
    """Return the warning for a deprecated node label, ``""`` for other labels."""
    return _WARNINGS.get(key, "")


def warnings_for_node_selector_term(
    term: Mapping[str, Any], path: str, *, values: bool = False
) -> Iterator[str]:
    """Yield the warnings for a node selector term; ``values``: also those for its values."""
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        place, key = f"{path}.matchExpressions[{index}]", requirement.get("key", "")
        if warning := node_label_warning(key):
            yield f"{place}.key: {key} is {warning}"
        for number, value in enumerate(requirement.get("values") or () if values else ()):
            for problem in label_value_problems(value):
                yield f"{place}.values[{number}]: {value} is invalid, {problem}"


def warnings_for_node_label_selector(selector: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the warnings for a label selector of nodes."""
    yield from warnings_for_node_selector_term(selector, path)
    for key in sorted(selector.get("matchLabels") or ()):
        if warning := node_label_warning(key):
            yield f"{path}.matchLabels.{key}: {warning}"
