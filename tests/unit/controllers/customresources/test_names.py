"""Which names a kind gets, given those that others have."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.controllers.customresources.names import names_in_use, with_accepted_names
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apiextensions.crds import (
    Names,
    accepted_names,
    condition_of,
    requested_names,
)

FOO = {"plural": "foos", "singular": "foo", "kind": "Foo", "listKind": "FooList"}


def reconciled(spec: Object, status: Object | None = None, *others: Names) -> Object:
    crd = {"metadata": {"name": "a"}, "spec": {"names": spec}, "status": status or {}}
    return with_accepted_names(crd, names_in_use([accepted_names(crd), *others]))


def said(crd: Object, type_: str) -> tuple[str, str, str]:
    condition = condition_of(crd, type_) or {}
    return condition["status"], condition["reason"], condition["message"]


def test_names_that_nobody_has_are_accepted() -> None:
    crd = reconciled({**FOO, "shortNames": ["f"], "categories": ["all"]})
    assert accepted_names(crd) == requested_names(crd)
    assert said(crd, "NamesAccepted") == ("True", "NoConflicts", "no conflicts found")
    assert said(crd, "Established") == (
        "False", "Installing", "the initial names have been accepted",
    )  # fmt: skip
    assert [each["type"] for each in crd["status"]["conditions"]] == [
        "NamesAccepted", "Established",
    ]  # fmt: skip


def test_nothing_changes_twice() -> None:
    crd = reconciled(FOO)
    assert reconciled(FOO, crd["status"]) == crd
    refused = reconciled(FOO, None, Names("foos"))
    again = {"metadata": {"name": "a"}, "spec": {"names": FOO}, "status": refused["status"]}
    used = names_in_use([accepted_names(again), Names("foos")])
    assert with_accepted_names(again, used) is again


@pytest.mark.parametrize(
    ("other", "reason", "message"),
    [
        (Names("foos"), "PluralConflict", '"foos" is already in use'),
        (Names("bars", "foo"), "SingularConflict", '"foo" is already in use'),
        (Names(short_names=("f",)), "ShortNamesConflict", '"f" is already in use'),
        (
            Names("g", short_names=("f",)),
            "ShortNamesConflict",
            '["f" is already in use, "g" is already in use]',
        ),
        (Names(kind="Foo"), "KindConflict", '"Foo" is already in use'),
        (Names(kind="Foo", list_kind="FooList"), "ListKindConflict", '"FooList" is already in use'),
        # A name of a resource is none of a kind.
        (Names("Foo", list_kind="foos"), "NoConflicts", "no conflicts found"),
    ],
)
def test_a_name_in_use_is_refused(other: Names, reason: str, message: str) -> None:
    crd = reconciled({**FOO, "shortNames": ["f", "g"]}, None, other)
    assert said(crd, "NamesAccepted")[1:] == (reason, message)
    assert said(crd, "Established")[1] == (
        "Installing" if reason == "NoConflicts" else "NotAccepted"
    )


def test_other_names_are_accepted_nevertheless() -> None:
    crd = reconciled(FOO, None, Names("bars", "foo", "Foo"))
    assert crd["status"]["acceptedNames"] == {"plural": "foos", "kind": "", "listKind": "FooList"}


ESTABLISHED = {"type": "Established", "status": "True", "lastTransitionTime": "x"}


@pytest.mark.parametrize(
    "change", [{"shortNames": ["b"]}, {"singular": "bar"}, {"listKind": "BarList"}]
)
def test_what_is_established_stays_so(change: dict[str, Any]) -> None:
    status = {"acceptedNames": FOO, "conditions": [ESTABLISHED]}
    taken = Names("x", "bar", "Bar", "BarList", ("b",))
    crd = reconciled({**FOO, **change}, status, taken)
    assert accepted_names(crd) == requested_names({"spec": {"names": FOO}})
    assert condition_of(crd, "Established") == ESTABLISHED
    assert said(crd, "NamesAccepted")[0] == "False"


def test_own_names_may_be_short_names() -> None:
    crd = reconciled({**FOO, "shortNames": ["foo"]}, {"acceptedNames": FOO})
    assert accepted_names(crd).short_names == ("foo",)
