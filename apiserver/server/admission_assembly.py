"""Builds the admission plugins of a server, and the reflectors of their configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from apiserver.access.access import Access
from apiserver.access.admission.admission_configuration import AdmissionSettings
from apiserver.access.admission.chain import Plugin
from apiserver.access.admission.enabled_plugins import PluginDependencies, build_plugins
from apiserver.access.admission.escalation import EscalationCheck
from apiserver.access.admission.param_access import ParamAccessCheck
from apiserver.access.admission.plugin_settings import ImagePolicySettings
from apiserver.access.admission.plugins.image_policy_webhook import ImageReviews
from apiserver.access.admission.plugins.mutating_admission_policy import mutating_policies
from apiserver.access.admission.plugins.mutating_admission_webhook import (
    MutatingAdmissionWebhook,
)
from apiserver.access.admission.plugins.validating_admission_policy import validating_policies
from apiserver.access.admission.plugins.validating_admission_webhook import (
    ValidatingAdmissionWebhook,
)
from apiserver.access.admission.policies.policy_dependencies import PolicyDependencies
from apiserver.access.admission.webhook_calls import WebhookDependencies
from apiserver.access.admission.webhooks import WebhookConfigurations
from apiserver.client.review_webhook import ReviewWebhook
from apiserver.client.webhook import WebhookClient, no_credentials
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry.loopback import system_client
from apiserver.registry.offload import in_thread, offload
from apiserver.registry.policy_reflectors import policy_reflectors
from apiserver.registry.reflector import Reflector
from apiserver.registry.registry import Registry
from apiserver.registry.served_kinds import RegistryKinds
from apiserver.registry.service_resolver import service_resolver
from apiserver.registry.webhook_reflectors import webhook_reflectors

_IMAGE_REVIEW_SECONDS: Final = 30.0


@valueclass
class Admission:
    """The plugins, the reflectors of their configurations, and clients for webhooks of their own.

    The clients are closed when the block of this context manager ends.
    """

    plugins: Sequence[Plugin]
    reflectors: Sequence[Reflector]
    clients: Sequence[WebhookClient | ImageReviews]

    async def __aenter__(self) -> Admission:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients:
            await client.close()


def build_admission(
    registry: Registry,
    access: Access,
    names: Sequence[str],
    settings: AdmissionSettings,
) -> Admission:
    """Return the plugins of these names, with their reflectors and clients."""
    kinds, resolver = RegistryKinds(registry), service_resolver(registry)
    mutating, validating = (
        WebhookClient(resolver, settings.credentials.get(plugin.name, no_credentials), offload)
        for plugin in (MutatingAdmissionWebhook, ValidatingAdmissionWebhook)
    )
    image_reviews = None if settings.image_policy is None else _image_reviews(settings.image_policy)
    dependencies = PluginDependencies(
        authorizer=access.authorizer,
        client=system_client(registry),
        policies=PolicyDependencies(access.authorizer, in_thread, kinds),
        validating_policies=validating_policies(kinds),
        mutating_policies=mutating_policies(kinds),
        mutating_calls=WebhookDependencies(mutating, kinds, access.authorizer, in_thread),
        validating_calls=WebhookDependencies(validating, kinds, access.authorizer, in_thread),
        validating_webhooks=WebhookConfigurations(kinds),
        mutating_webhooks=WebhookConfigurations(kinds),
        pod_security=settings.pod_security,
        node_selectors=settings.node_selectors,
        tolerations=settings.tolerations,
        event_limits=settings.event_limits,
        image_reviews=image_reviews,
    )
    params = ParamAccessCheck(access.authorizer, kinds)
    escalation = EscalationCheck(access.authorizer, access.rbac)
    return Admission(
        plugins=[params, *build_plugins(names, dependencies), escalation],
        reflectors=[
            *policy_reflectors(
                registry, dependencies.validating_policies, dependencies.mutating_policies
            ),
            *webhook_reflectors(
                registry, dependencies.mutating_webhooks, dependencies.validating_webhooks
            ),
        ],
        clients=[mutating, validating, *([] if image_reviews is None else [image_reviews])],
    )


def _image_reviews(settings: ImagePolicySettings) -> ImageReviews:
    reviewer = ReviewWebhook(
        settings.connection,
        "ImageReview",
        "imagepolicy.k8s.io",
        ("v1alpha1",),
        timeout=_IMAGE_REVIEW_SECONDS,
        first_pause=settings.first_pause,
    )
    return ImageReviews(
        reviewer, settings.allow_ttl, settings.deny_ttl, default_allow=settings.default_allow
    )
