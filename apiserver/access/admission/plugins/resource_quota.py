"""ResourceQuota: keeps the total usage of a namespace within its quotas.

A quota has limits and current usage in its status. An object is charged in the commit that stores
it: ``used`` is updated, with the quota's resourceVersion as the precondition, so that of two
concurrent writes only one gets the last unit, and a write that fails is not charged. The quota
controller recalculates usage to account for deleted objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from apiserver.access.admission.chain import CREATE, UPDATE, AdmissionAttributes
from apiserver.access.quota.limits import QuotaDenied, QuotaRequest, charge
from apiserver.access.quota.usage import evaluator_of
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import CLAIMS, PODS, QUOTAS, SERVICES
from apiserver.machinery.gvk import GroupResource, GroupVersionResource
from apiserver.machinery.objects import Object
from apiserver.machinery.times import Clock, system_clock

# Updates that can increase usage: resource and subresource.
_GROWING: Final = frozenset([(PODS, "resize"), (SERVICES, ""), (CLAIMS, "")])


class ResourceQuota:
    """Rejects objects that exceed a quota, and charges the others."""

    name = "ResourceQuota"

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or system_clock()

    def handles(self, operation: str, resource: GroupVersionResource, subresource: str) -> bool:
        if operation == UPDATE:
            return (resource, subresource) in _GROWING
        counts = evaluator_of(GroupResource(resource.group, resource.resource)) is not None
        return operation == CREATE and not subresource and counts

    def charge(self, attributes: AdmissionAttributes, reader: Reader) -> Sequence[Object]:
        namespace = attributes.namespace
        quotas = list(reader.list(QUOTAS, namespace)) if namespace else []
        # Most namespaces have no quota.
        if not quotas:
            return quotas
        evaluator = evaluator_of(attributes.group_resource)
        assert evaluator is not None
        assert attributes.object is not None
        request = QuotaRequest(
            evaluator, attributes.object, attributes.old_object, self._clock.time()
        )
        try:
            charged = [charge(quota, request) for quota in _current_quotas(reader, quotas)]
        except QuotaDenied as refusal:
            raise attributes.forbidden(str(refusal)) from refusal
        return [quota for quota in charged if quota is not None]


def _current_quotas(reader: Reader, quotas: Iterable[Object]) -> list[Object]:
    # Unlike list, get sees what this process has just written.
    metadata = [quota["metadata"] for quota in quotas]
    found = (reader.get(QUOTAS, each["namespace"], each["name"]) for each in metadata)
    return [quota for quota in found if quota is not None]
