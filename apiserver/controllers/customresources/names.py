"""The names that a custom kind is given: those it requests, unless another kind has them. Pure.

Plurals, singulars and short names of a group must differ from each other, and so must kinds and
list kinds. Names are given in the order in which they are requested; a kind keeps its names as long
as it requests them. The rules are those of the API documentation of CustomResourceDefinition
(``status.acceptedNames``).
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import replace

from apiserver.machinery.objects import Object
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass
from apiserver.resources.builtin.apiextensions.crds import (
    ESTABLISHED,
    NAMES_ACCEPTED,
    Condition,
    Names,
    accepted_names,
    condition_of,
    is_established,
    requested_names,
    with_condition,
    with_status,
)

_NOT_ACCEPTED = Condition(ESTABLISHED, "False", "NotAccepted", "not all names are accepted")
_INSTALLING = Condition(ESTABLISHED, "False", "Installing", "the initial names have been accepted")
_NO_CONFLICTS = Condition(NAMES_ACCEPTED, "True", "NoConflicts", "no conflicts found")


@valueclass
class NamesInUse:
    """The names of a group that are given to any kind: of resources, and of kinds."""

    resources: Set[str]
    kinds: Set[str]


def names_in_use(given: Iterable[Names]) -> NamesInUse:
    """Return all names that the kinds of a group have."""
    resources: set[str] = set()
    kinds: set[str] = set()
    for names in given:
        resources.update((names.plural, names.singular, *names.short_names))
        kinds.update((names.kind, names.list_kind))
    return NamesInUse(resources, kinds)


def with_accepted_names(crd: Object, used: NamesInUse) -> Object:
    """Return a definition with the names that its kind gets, itself if nothing changes.

    ``used`` includes the names that the kind itself already has.
    """
    requested, accepted = requested_names(crd), accepted_names(crd)
    if requested == accepted:
        return crd
    names, condition = _accept(requested, accepted, used)
    if names == accepted and condition.matches(condition_of(crd, NAMES_ACCEPTED)):
        return crd
    named = with_condition(with_status(crd, acceptedNames=names.document()), condition)
    if is_established(crd):
        return named
    if condition is _NO_CONFLICTS:
        return with_condition(named, _INSTALLING)
    known = condition_of(crd, ESTABLISHED)
    return named if known is not None else with_condition(named, _NOT_ACCEPTED)


def _accept(requested: Names, accepted: Names, used: NamesInUse) -> tuple[Names, Condition]:
    names, condition = replace(accepted, categories=requested.categories), _NO_CONFLICTS
    for member, others, reason in (
        ("plural", used.resources, "PluralConflict"),
        ("singular", used.resources, "SingularConflict"),
        ("short_names", used.resources, "ShortNamesConflict"),
        ("kind", used.kinds, "KindConflict"),
        ("list_kind", used.kinds, "ListKindConflict"),
    ):
        wanted = getattr(requested, member)
        if member == "short_names":
            taken = _taken_short_names(requested, accepted, others)
        else:
            taken = [wanted] if wanted != getattr(accepted, member) and wanted in others else []
        if taken:
            message = _joined(f"{quote(name)} is already in use" for name in taken)
            condition = Condition(NAMES_ACCEPTED, "False", reason, message)
        else:
            names = replace(names, **{member: wanted})
    return names, condition


def _taken_short_names(requested: Names, accepted: Names, used: Set[str]) -> list[str]:
    own = {*accepted.short_names, accepted.plural, accepted.singular}
    return [name for name in requested.short_names if name not in own and name in used]


def _joined(messages: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(messages))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"
