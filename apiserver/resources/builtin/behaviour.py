"""Which built-in kinds have behaviour of their own: those with a module, found by its name.

The module of ``deployments.apps`` is ``apps.deployments`` in this package, that of a resource of
the core group ``core.RESOURCE``; of a longer group the first label counts. A module is loaded with
the first request for its resource. The others have a plain `Strategy`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from apiserver.machinery.gvk import GroupResource
from apiserver.resources.definition import ResourceDefinition
from apiserver.resources.strategy import Strategy

_PACKAGE = "apiserver.resources.builtin"


def strategy_of(definition: ResourceDefinition) -> Strategy:
    """Return what objects of a resource do."""
    return strategy_class(definition.group_resource)(definition)


def strategy_class(resource: GroupResource) -> type[Strategy]:
    """Return the behaviour of a resource."""
    group = resource.group.partition(".")[0] or "core"
    package = f"{_PACKAGE}.{group}"
    if find_spec(package) is None or find_spec(f"{package}.{resource.resource}") is None:
        return Strategy
    found: type[Strategy] = import_module(f"{package}.{resource.resource}").STRATEGY
    return found
