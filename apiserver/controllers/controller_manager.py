"""Runs the controllers of a server: its own, and those of kube-controller-manager.

The server's own controllers run in every server. Those of kube-controller-manager run in one of the
servers that share a store, which is elected.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import field
from functools import partial
from typing import Final

from apiserver.client.client import Client
from apiserver.client.queue_metrics import queue_families
from apiserver.client.webhook import WebhookClient
from apiserver.controllers import controller_names as names
from apiserver.controllers.bootstrap_token_controllers import BootstrapSigner, TokenCleaner
from apiserver.controllers.certificates.signing_controllers import (
    CertificateApprover,
    CertificateCleaner,
    CertificateSigner,
    IsAllowed,
    Sign,
)
from apiserver.controllers.cluster_authentication_trust_controller import (
    CONTROLLER as TRUST,
)
from apiserver.controllers.cluster_authentication_trust_controller import (
    ClusterAuthenticationTrustController,
)
from apiserver.controllers.clusterrole_aggregation_controller import (
    ClusterRoleAggregationController,
)
from apiserver.controllers.controller import Controller, Reconciler
from apiserver.controllers.customresources.controllers import custom_resource_controllers
from apiserver.controllers.disruption.disruption_controller import DisruptionController
from apiserver.controllers.flow_schema_status_controller import FlowSchemaStatusController
from apiserver.controllers.garbagecollector.collector import GarbageCollector
from apiserver.controllers.leader_election import LeaderElector
from apiserver.controllers.legacy_token_controllers import (
    TRACKING,
    LegacyTokenCleaner,
    LegacyTokenTracking,
)
from apiserver.controllers.namespace.namespace_controller import NamespaceController
from apiserver.controllers.protection_controllers import (
    CLAIM_PROTECTION,
    CLASS_PROTECTION,
    VOLUME_PROTECTION,
    Protection,
    ProtectionController,
)
from apiserver.controllers.resource_quota_controller import ResourceQuotaController
from apiserver.controllers.root_ca_certificate_publisher import RootCACertificatePublisher
from apiserver.controllers.service_account_tokens_controller import (
    Issue,
    ServiceAccountTokensController,
)
from apiserver.controllers.service_accounts_controller import ServiceAccountsController
from apiserver.controllers.serviceendpoints.endpoints_controller import EndpointsController
from apiserver.controllers.serviceendpoints.endpointslice_controller import EndpointSliceController
from apiserver.controllers.serviceendpoints.endpointslice_mirroring_controller import (
    EndpointSliceMirroringController,
)
from apiserver.controllers.validating_admission_policy_status_controller import (
    ValidatingAdmissionPolicyStatusController,
)
from apiserver.machinery.instruments import Family, Labels
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.loopback import controller_client, system_client
from apiserver.registry.registry import Registry
from apiserver.resources.catalog import Catalog

#: The Lease of the election. It is not the one of kube-controller-manager, which may run as well.
LEASE: Final = "apiserver-controller-manager"
_MANAGER: Final = "kube-controller-manager"
_OWN: Final = "kube-apiserver"
_WORKERS: Final = 4
_FLOW_SCHEMAS: Final = "flow-schema-status"


@valueclass
class ControllerOptions:
    """``enabled`` is the value of ``--controllers``.

    ``identity`` is unique among the servers that share a store; without it there are no others.
    ``root_ca`` is what verifies the certificate of the API, in PEM; it is not published if unknown.
    ``issue_token`` makes the tokens that Secrets hold; without it there are none.
    ``published_trust`` is for other API servers, if there is anything to publish.
    ``uids_recur``: what was deleted may come back with its uid, as in tests.
    """

    enabled: Sequence[str] = ()
    identity: str = ""
    root_ca: str = ""
    issue_token: Issue | None = None
    published_trust: Mapping[str, str] = field(default_factory=dict)
    uids_recur: bool = False
    #: Signs certificates; without it none are.
    sign: Sign | None = None
    #: Whether a user may do something; without it no request is approved.
    is_allowed: IsAllowed | None = None


@valueclass
class _Built:
    """How a controller is built, the name of its queue, and how many keys it works on at once."""

    build: Callable[[Client], Reconciler]
    queue: str
    workers: int = _WORKERS


def _protection(protection: Protection) -> Callable[[Client], Reconciler]:
    return lambda client: ProtectionController(client, protection)


#: The service accounts of controllers whose permissions depend on it.
_ACCOUNTS: Final = dict.fromkeys(
    [names.CSR_APPROVING, names.CSR_CLEANER, names.CSR_SIGNING], "certificate-controller"
)

_REGISTERED: Final[Mapping[str, _Built]] = {
    names.BOOTSTRAP_SIGNER: _Built(BootstrapSigner, "bootstrap_signer_queue"),
    names.TOKEN_CLEANER: _Built(TokenCleaner, "token_cleaner"),
    names.CSR_CLEANER: _Built(CertificateCleaner, "certificate"),
    names.CLUSTER_ROLE_AGGREGATION: _Built(
        ClusterRoleAggregationController, "ClusterRoleAggregator"
    ),
    names.DISRUPTION: _Built(DisruptionController, "disruption"),
    # They wait for nothing but their writes. Of many new Services they leave the store to requests.
    names.ENDPOINTS: _Built(EndpointsController, "endpoint", workers=1),
    names.ENDPOINT_SLICE: _Built(EndpointSliceController, "endpoint_slice", workers=1),
    names.ENDPOINT_SLICE_MIRRORING: _Built(
        EndpointSliceMirroringController, "endpoint_slice_mirroring"
    ),
    names.GARBAGE_COLLECTOR: _Built(GarbageCollector, "garbage_collector_attempt_to_delete"),
    names.LEGACY_TOKEN_CLEANER: _Built(LegacyTokenCleaner, "legacy_service_account_token_cleaner"),
    names.NAMESPACE: _Built(NamespaceController, "namespace"),
    names.CLAIM_PROTECTION: _Built(_protection(CLAIM_PROTECTION), "pvcprotection"),
    names.VOLUME_PROTECTION: _Built(_protection(VOLUME_PROTECTION), "pvprotection"),
    names.ATTRIBUTES_CLASS_PROTECTION: _Built(_protection(CLASS_PROTECTION), "vacprotection"),
    names.RESOURCE_QUOTA: _Built(ResourceQuotaController, "resourcequota_primary"),
    names.SERVICE_ACCOUNT: _Built(ServiceAccountsController, "serviceaccount"),
}


@valueclass
class ControllerManager:
    """The controllers of a server; ``managed`` run while ``elector`` leads, if there is one."""

    own: Sequence[Controller] = ()
    managed: Sequence[Controller] = ()
    elector: LeaderElector | None = None

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            for controller in self.own:
                group.create_task(controller.run(), name=controller.name)
            if self.elector is None:
                group.create_task(self._run_managed(), name="controllers")
            elif self.managed:
                group.create_task(self.elector.run(self._run_managed), name="leader-election")

    async def _run_managed(self) -> None:
        async with asyncio.TaskGroup() as group:
            for controller in self.managed:
                group.create_task(controller.run(), name=controller.name)

    def families(self) -> Iterator[Family]:
        """Return the metrics of the controllers that can run in this server."""
        running: dict[Labels, float]
        running = {(each.name, _OWN): float(each.is_running) for each in self.own}
        running |= {(each.name, _MANAGER): float(each.is_running) for each in self.managed}
        yield Family(
            "running_managed_controllers",
            "Whether a controller is running in this server.",
            ("name", "manager"),
            running,
        )
        yield from queue_families([each.metrics for each in (*self.own, *self.managed)])
        for each in (*self.own, *self.managed):
            yield from each.families()
        if self.elector is not None:
            yield from self.elector.families()

    def idle(self) -> bool:
        """Return whether no key is due or being processed; keys may be due later."""
        queues = [each.metrics for each in (*self.own, *self.managed)]
        return not any(queue.depth or queue.working for queue in queues)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Pause reconciling while the block runs, once the reconciles in progress are done."""
        controllers = (*self.own, *self.managed)
        for each in controllers:
            each.pause()
        try:
            for each in controllers:
                await each.wait_until_quiet()
            yield
        finally:
            for each in controllers:
                each.resume()

    def failed(self) -> list[str]:
        """Return the names of the controllers that should be running here and are not."""
        leads = self.elector is None or self.elector.is_leading
        due = (*self.own, *self.managed) if leads else self.own
        return [each.name for each in due if not each.is_running]


def build_manager(
    options: ControllerOptions, registry: Registry, webhooks: WebhookClient
) -> ControllerManager:
    """Return the enabled controllers, each with a client of its own, and those of the server.

    ``webhooks`` calls the conversion webhooks of custom kinds.
    """
    managed, known = [], dict(_REGISTERED)
    if options.root_ca:
        publisher = partial(RootCACertificatePublisher, root_ca=options.root_ca)
        known[names.ROOT_CA_PUBLISHER] = _Built(publisher, "root_ca_cert_publisher")
    if options.issue_token is not None:
        tokens = partial(
            ServiceAccountTokensController, issue=options.issue_token, root_ca=options.root_ca
        )
        known[names.SERVICE_ACCOUNT_TOKEN] = _Built(tokens, "serviceaccount_tokens_secret")
    if options.sign is not None:
        signer = partial(CertificateSigner, sign=options.sign)
        known[names.CSR_SIGNING] = _Built(signer, "csr-signing")
    if options.is_allowed is not None:
        approver = partial(CertificateApprover, is_allowed=options.is_allowed)
        known[names.CSR_APPROVING] = _Built(approver, "csr-approving")
    statuses = partial(ValidatingAdmissionPolicyStatusController, registry=registry)
    known[names.POLICY_STATUS] = _Built(statuses, "validating_admission_policy_status")
    if options.uids_recur:
        collector = partial(GarbageCollector, uids_recur=True)
        queue = known[names.GARBAGE_COLLECTOR].queue
        known[names.GARBAGE_COLLECTOR] = _Built(collector, queue)
    for name in names.selected_controllers(options.enabled, list(known)):
        client, built = controller_client(registry, _ACCOUNTS.get(name, name)), known[name]
        reconciler = built.build(client)
        managed.append(Controller(name, client, reconciler, built.workers, built.queue))
    system = system_client(registry)
    own = [
        Controller(_FLOW_SCHEMAS, system, FlowSchemaStatusController(system)),
        Controller(TRACKING, system, LegacyTokenTracking(system)),
        *custom_resource_controllers(registry, _builtin_versions(registry.catalog), webhooks),
    ]
    if options.published_trust:
        trust = ClusterAuthenticationTrustController(system, options.published_trust)
        own.append(Controller(TRUST, system, trust))
    elector = LeaderElector(system, LEASE, options.identity) if options.identity else None
    return ControllerManager(own, managed, elector)


def _builtin_versions(catalog: Catalog) -> frozenset[tuple[str, str]]:
    found = (each for each in catalog.definitions() if not each.custom)
    return frozenset((each.group, each.version) for each in found)


@asynccontextmanager
async def run_controllers(manager: ControllerManager, ready: asyncio.Event) -> AsyncIterator[None]:
    """Run controllers while the block runs, starting when the server is ``ready``."""

    async def run() -> None:
        await ready.wait()
        await manager.run()

    task = asyncio.create_task(run(), name="controllers")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
