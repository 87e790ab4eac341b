"""Traits of kinds that the verbs depend on, one list each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apiserver.machinery.gvk import GroupVersionKind
from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.kinds import builtin_kind
from apiserver.resources.strategy import Strategy

DEFINITIONS = [definition for definition in builtin_definitions() if definition.persisted]
CREATED_BY_UPDATES = """
    clusterrolebindings clusterroles endpoints events leases limitranges rolebindings roles
    runtimeclasses services
"""
NEVER_OVERWRITTEN = """
    apiservices csidrivers csinodes csistoragecapacities customresourcedefinitions leases
    mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations
    poddisruptionbudgets runtimeclasses validatingadmissionpolicies
    validatingadmissionpolicybindings validatingwebhookconfigurations volumeattachments
"""
RETURNED_WHEN_DELETED = """
    csidrivers csinodes deviceclasses namespaces persistentvolumeclaims persistentvolumes pods
    podtemplates resourceclaims resourceclaimtemplates resourcequotas resourceslices
    serviceaccounts services storageclasses volumeattachments volumeattributesclasses
"""
SELECTED_BY_FIELDS = """
    certificatesigningrequests events jobs namespaces nodes pods replicationcontrollers
    resourceslices secrets services
"""
WITH_GENERATION = """
    cronjobs customresourcedefinitions daemonsets deployments deviceclasses endpointslices
    flowschemas ingressclasses ingresses jobs mutatingadmissionpolicies
    mutatingadmissionpolicybindings mutatingwebhookconfigurations networkpolicies
    poddisruptionbudgets pods podtemplates priorityclasses prioritylevelconfigurations replicasets
    replicationcontrollers resourceslices statefulsets validatingadmissionpolicies
    validatingadmissionpolicybindings validatingwebhookconfigurations
"""

NO_METADATA_OWNED_BY_STATUS_WRITES = """
    apiservices flowschemas prioritylevelconfigurations resourceclaims servicecidrs
    validatingadmissionpolicies volumeattachments
"""


def owns_no_metadata(strategy: Strategy) -> bool:
    return strategy.reset_fields.get("status", {}).get("f:metadata") == {}


@pytest.mark.parametrize(
    ("has", "expected"),
    [
        (lambda strategy: strategy.allow_create_on_update, CREATED_BY_UPDATES),
        (lambda strategy: not strategy.allow_unconditional_update, NEVER_OVERWRITTEN),
        (lambda strategy: strategy.returns_deleted_object, RETURNED_WHEN_DELETED),
        (lambda strategy: strategy.fields, SELECTED_BY_FIELDS),
        (lambda strategy: strategy.generation_of, WITH_GENERATION),
        (owns_no_metadata, NO_METADATA_OWNED_BY_STATUS_WRITES),
    ],
    ids=["created by updates", "never overwritten", "returned", "fields", "generation", "status"],
)
def test_these_kinds_and_no_others_have_a_trait(
    has: Callable[[Strategy], Any], expected: str
) -> None:
    kinds = map(builtin_kind, DEFINITIONS)
    found = {kind.definition.resource for kind in kinds if has(kind.strategy)}
    assert sorted(found) == expected.split()


@pytest.mark.parametrize(
    ("api_version", "kind", "field", "selects"),
    [
        ("v1", "Secret", "type", True),
        ("v1", "Secret", "metadata.namespace", True),
        ("v1", "Namespace", "status.phase", True),
        ("v1", "Namespace", "metadata.namespace", False),
        ("v1", "ConfigMap", "metadata.namespace", True),
        ("v1", "ConfigMap", "data", False),
    ],
)
def test_fields_select_where_they_are_known(
    api_version: str, kind: str, field: str, selects: bool
) -> None:
    gvk = GroupVersionKind("", api_version, kind)
    (definition,) = (definition for definition in DEFINITIONS if definition.gvk == gvk)
    assert builtin_kind(definition).strategy.selects_by(field) is selects
