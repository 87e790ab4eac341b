"""Namespaces and ServiceAccounts."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, Written, merged

KIND = Kind("v1", "Namespace")
ACCOUNT = Kind("v1", "ServiceAccount")
NAMESPACE = {"metadata": {"name": "a"}}
NOT_QUALIFIED = "name is neither a standard finalizer name nor is it fully qualified"
ENFORCED = "kubernetes.io/enforce-mountable-secrets"


def made(**changes: Object) -> Written:
    return KIND.create(merged(NAMESPACE, **changes))


def test_a_namespace_is_active_and_held_by_its_finalizer() -> None:
    namespace = made(status={"phase": "Terminating"}).object
    assert namespace["status"] == {"phase": "Active"}
    assert namespace["spec"] == {"finalizers": ["kubernetes"]}


@pytest.mark.parametrize("labels", [{}, {"kubernetes.io/metadata.name": "wrong"}])
def test_its_name_is_its_label(labels: Object) -> None:
    namespace = made(metadata={"name": "a", "labels": {"b": "c", **labels}}).object
    assert namespace["metadata"]["labels"] == {"b": "c", "kubernetes.io/metadata.name": "a"}


def test_finalizers_have_names_of_a_domain() -> None:
    errors = made(spec={"finalizers": ["x", "example.com/y", "orphan"]}).errors
    assert errors == [f'spec.finalizers: Invalid value: "x": {NOT_QUALIFIED}']


def test_an_update_leaves_finalizers_and_phase() -> None:
    old = made()
    new = merged(NAMESPACE, spec={"finalizers": []}, status={"phase": "Terminating"})
    assert KIND.update(old, new).object["spec"] == {"finalizers": ["kubernetes"]}
    assert KIND.update(old, new).object["status"] == {"phase": "Active"}


def test_finalize_changes_nothing_but_finalizers() -> None:
    new = merged(NAMESPACE, spec={"finalizers": ["example.com/y"]}, status={"phase": "X"})
    written = KIND.update(made(), new, "finalize")
    assert written.spec == {"finalizers": ["example.com/y"]}
    assert written.object["status"] == {"phase": "Active"}
    assert not written.errors


def test_finalize_names_the_finalizer_that_is_wrong() -> None:
    new = merged(NAMESPACE, spec={"finalizers": ["kubernetes", "x"]})
    errors = KIND.update(made(), new, "finalize").errors
    assert errors == [f'spec.finalizers[1]: Invalid value: "x": {NOT_QUALIFIED}']


def test_the_phase_follows_the_deletion() -> None:
    new = merged(NAMESPACE, status={"phase": "Terminating"})
    errors = KIND.update(made(), new, "status").errors
    detail = "may only be 'Active' if `deletionTimestamp` is empty"
    assert errors == [f'status.Phase: Invalid value: "Terminating": {detail}']


def test_a_row_shows_the_phase() -> None:
    assert KIND.cells(made())[:2] == ["a", "Active"]


def test_an_account_keeps_only_the_names_of_secrets() -> None:
    account = {"metadata": {"name": "a"}, "secrets": [{"name": "s", "namespace": "n"}, {}]}
    assert ACCOUNT.create(account).object["secrets"] == [{"name": "s"}, {}]


def test_an_old_annotation_is_warned_of_once() -> None:
    plain = {"metadata": {"name": "a"}}
    enforcing = {"metadata": {"name": "a", "annotations": {ENFORCED: "true"}}}
    warning = (
        f"metadata.annotations[{ENFORCED}]: deprecated in v1.32+; prefer separate namespaces to "
        "isolate access to mounted secrets"
    )
    created = ACCOUNT.create(enforcing)
    assert created.warnings == [warning]
    assert ACCOUNT.update(ACCOUNT.create(plain), enforcing).warnings == [warning]
    assert ACCOUNT.update(created, enforcing).warnings == []
