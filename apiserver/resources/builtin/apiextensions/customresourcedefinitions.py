"""The behaviour of CustomResourceDefinitions as objects."""

from __future__ import annotations

from apiserver.resources.printing import DEFAULT
from apiserver.resources.strategy import CHANGE, Strategy


class CustomResourceDefinitionStrategy(Strategy):
    """A CustomResourceDefinition is shown by its name, and is only changed knowingly."""

    metadata_checks = (CHANGE,)
    qualifies_finalizers = False
    allow_unconditional_update = False
    generation_of = ("spec",)
    printer = DEFAULT


STRATEGY = CustomResourceDefinitionStrategy
