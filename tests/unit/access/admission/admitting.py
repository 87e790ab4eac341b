"""Admission of single writes, with objects to read from a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from apiserver.access.admission.chain import CREATE, AdmissionAttributes, AdmissionChain, Plugin
from apiserver.access.admission.enabled_plugins import PluginDependencies
from apiserver.access.admission.matching import ResourceVersion
from apiserver.access.admission.plugins.mutating_admission_policy import mutating_policies
from apiserver.access.admission.plugins.validating_admission_policy import validating_policies
from apiserver.access.admission.policies.policy_dependencies import PolicyDependencies
from apiserver.access.admission.webhook_calls import WebhookDependencies
from apiserver.access.admission.webhooks import WebhookConfigurations
from apiserver.access.authorization.modes import AlwaysAllow
from apiserver.client.webhook import WebhookClient
from apiserver.machinery.errors import StatusError
from apiserver.machinery.gvk import GroupVersionKind, GroupVersionResource
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.users import UserInfo
from apiserver.registry.service_resolver import ServiceEndpointResolver

USER = UserInfo("u", groups=("system:authenticated",))


class Versions:
    """Resources of one version each."""

    def equivalents(
        self, resource: GroupVersionResource, subresource: str
    ) -> Sequence[ResourceVersion]:
        return ()

    async def convert(
        self, document: Object, version: ResourceVersion, wanted: ResourceVersion
    ) -> Object:
        raise NotImplementedError

    def decode(
        self, document: Any, version: ResourceVersion, subresource: str, *, strict: bool = False
    ) -> Object:
        return dict(document)


class Objects:
    """A `Reader` of objects that are there from the start."""

    def __init__(self, *objects: tuple[GroupVersionResource, Object]) -> None:
        self._objects = objects

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        found = (d for d in self.list(resource, namespace) if name_of(d) == name)
        return next(found, None)

    def list(self, resource: GroupVersionResource, namespace: str = "") -> Iterable[Object]:
        return [
            document
            for of, document in self._objects
            if of == resource and namespace in ("", namespace_of(document))
        ]


async def no_slices(namespace: str, name: str) -> Sequence[Object]:
    """Return that a Service has no endpoints."""
    return ()


async def in_thread(work: Callable[[], Any]) -> Any:
    """Run work here and now."""
    return work()


def build_dependencies() -> PluginDependencies:
    """Return what plugins need: no policies, no webhooks, and an authorizer that allows all."""
    versions, authorizer = Versions(), AlwaysAllow()
    client = WebhookClient(ServiceEndpointResolver(Objects(), no_slices))
    calls = WebhookDependencies(client, versions, authorizer, in_thread)
    kinds: Any = versions
    return PluginDependencies(
        authorizer,
        kinds,
        PolicyDependencies(authorizer, in_thread, kinds),
        validating_policies(kinds),
        mutating_policies(kinds),
        calls,
        calls,
        WebhookConfigurations(versions),
        WebhookConfigurations(versions),
    )


class Admission:
    """Plugins and what they read."""

    def __init__(
        self, plugins: Iterable[Plugin], *objects: tuple[GroupVersionResource, Object]
    ) -> None:
        self._chain = AdmissionChain(list(plugins))
        self._objects = Objects(*objects)
        #: What the last write has added to its audit event.
        self.annotations: dict[str, str] = {}

    async def admit(
        self,
        resource: GroupVersionResource,
        document: Object | None,
        operation: str = CREATE,
        *,
        old: Object | None = None,
        subresource: str = "",
        namespace: str = "ns",
    ) -> tuple[Any, list[str]]:
        """Return the object as it is admitted, or the message of the refusal; and the warnings."""
        warnings: list[str] = []
        self.annotations = {}
        shown = document if document is not None else old
        assert shown is not None
        attributes = AdmissionAttributes(
            operation=operation,
            user=USER,
            gvk=GroupVersionKind(resource.group, resource.version, "Kind"),
            gvr=resource,
            subresource=subresource,
            namespace=namespace,
            name=name_of(shown),
            object=document,
            old_object=old,
            warn=warnings.append,
            annotate=self.annotations.__setitem__,
        )
        try:
            if self._chain.mutates(operation, resource, subresource):
                document = await self._chain.mutate(attributes, self._objects)
            if self._chain.validates(operation, resource, subresource):
                await self._chain.validate(attributes, self._objects)
        except StatusError as refusal:
            return refusal.message, warnings
        return document, warnings


def named(name: str, **members: Any) -> Object:
    """Return an object of the namespace of the tests."""
    return {"metadata": {"name": name, "namespace": "ns"}, **members}


def pod(**spec: Any) -> Object:
    """Return a Pod of one container, ``c``, unless ``spec`` has others."""
    return named("p", spec={"containers": [{"name": "c", "image": "x"}], **spec})
