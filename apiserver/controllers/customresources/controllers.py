"""The controllers of CustomResourceDefinitions, which every server runs."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Final

from apiserver.client.webhook import WebhookClient
from apiserver.controllers.controller import Controller
from apiserver.controllers.customresources.condition_controller import ConditionController
from apiserver.controllers.customresources.crd_access import CRDAccess
from apiserver.controllers.customresources.crd_finalizer import CRDFinalizer
from apiserver.controllers.customresources.crd_registration_controller import (
    CRDRegistrationController,
)
from apiserver.controllers.customresources.establishing_controller import EstablishingController
from apiserver.controllers.customresources.naming_controller import NamingConditionController
from apiserver.registry.loopback import system_client
from apiserver.registry.registry import Registry
from apiserver.resources.builtin.apiextensions.apiapproval import approval_condition
from apiserver.resources.builtin.apiextensions.crds import API_APPROVAL, NON_STRUCTURAL_SCHEMA
from apiserver.resources.builtin.apiextensions.structure import structure_condition
from apiserver.resources.custom.customkinds import stored_kind

_FINALIZER_WORKERS: Final = 5


def custom_resource_controllers(
    registry: Registry, builtin_versions: Set[tuple[str, str]], webhooks: WebhookClient
) -> Sequence[Controller]:
    """Return the controllers; ``builtin_versions`` are the group versions of built-in kinds.

    ``webhooks`` calls the conversion webhooks of custom kinds.
    """
    client = system_client(registry)
    crds = CRDAccess(client, registry.reader)
    naming, establishing = NamingConditionController(crds), EstablishingController(crds)
    finalizer = CRDFinalizer(crds, lambda crd: system_client(registry, stored_kind(crd, webhooks)))
    approval = ConditionController(crds, API_APPROVAL, approval_condition)
    structure = ConditionController(crds, NON_STRUCTURAL_SCHEMA, structure_condition)
    registration = CRDRegistrationController(client, builtin_versions)
    return [
        Controller(name, client, reconciler, workers, queue)
        for name, reconciler, workers, queue in (
            ("crd-naming", naming, 1, "crd_naming_condition_controller"),
            ("crd-establishing", establishing, 1, "crdEstablishing"),
            ("crd-api-approval", approval, 1, "kubernetes_api_approval_conformant_condition"),
            ("crd-structure", structure, 1, "non_structural_schema_condition_controller"),
            ("crd-finalizer", finalizer, _FINALIZER_WORKERS, "crd_finalizer"),
            ("crd-registration", registration, 1, "crd_autoregistration_controller"),
        )
    ]
