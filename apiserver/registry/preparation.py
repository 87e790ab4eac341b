"""Preparation and validation of a document by the strategy of its kind, before storing. Pure.

The order is that of Kubernetes: the strategy resets the fields that the client may not set, the
generation is updated, all errors are collected, and a valid object yields warnings. An update that
changes nothing but the times of ownership keeps the old times.
"""

from __future__ import annotations

from dataclasses import dataclass

from apiserver.machinery.fielderrors import FieldError, RatchetedError
from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo
from apiserver.registry import metadata
from apiserver.resources import objectmeta
from apiserver.resources.strategy import Strategy


@dataclass(slots=True)
class Prepared:
    """A prepared object; if there are errors, warnings are only of what did not change."""

    object: Object
    errors: list[FieldError]
    warnings: list[str]


def prepare_create(strategy: Strategy, document: Object, user: UserInfo) -> Prepared:
    """Prepare a new object with a uid and a creationTimestamp; ``user`` is the requesting user."""
    desired = strategy.with_requester(document, user)
    desired = strategy.prepare_for_create(desired)
    desired = metadata.with_generation(desired, None, strategy)
    errors = [*objectmeta.validate_create(desired, strategy), *strategy.validate(desired)]
    errors = errors or objectmeta.validate_created(desired, strategy)
    return Prepared(desired, errors, [] if errors else strategy.warnings_on_create(desired))


def prepare_update(
    strategy: Strategy, document: Object, old: Object, subresource: str = ""
) -> Prepared:
    """Prepare a change of ``old``, or of the part of it that a subresource covers."""
    update = strategy.update_of(subresource)
    desired = update.prepare(metadata.carry_over(document, old), old)
    desired = metadata.with_generation(desired, old, strategy)
    errors = objectmeta.validate_update(desired, old, strategy, update)
    errors = [*errors, *update.validate(desired, old)]
    desired = metadata.with_old_times(desired, old)
    if not errors:
        return Prepared(desired, errors, update.warnings(desired, old))
    ratcheted = [str(error) for error in errors if isinstance(error, RatchetedError)]
    errors = [error for error in errors if not isinstance(error, RatchetedError)]
    told = [] if errors else update.warnings(desired, old)
    return Prepared(desired, errors, [*ratcheted, *told])
