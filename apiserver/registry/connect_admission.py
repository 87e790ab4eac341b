"""admit_connect: admission of a request that is forwarded: exec, attach, portforward, proxy."""

from __future__ import annotations

from apiserver.access.admission.chain import CONNECT
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.registry.admission import AdmittedRequest
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.reader import TrackedReader
from apiserver.registry.resource import Resource


async def admit_connect(
    resource: Resource, context: RequestContext, kind: GroupVersionKind, options: Object
) -> Object:
    """Return the options of a CONNECT, such as PodExecOptions, as admission has changed them.

    Whether the object exists is found out later. Raises the errors of admission.
    """
    gvr, admission = resource.definition.gvr, resource.admission
    sort = CONNECT, gvr, context.subresource
    if not admission.mutates(*sort) and not admission.validates(*sort):
        return options
    document = {"kind": kind.kind, "apiVersion": kind.api_version, **options}
    request = AdmittedRequest(resource, context, WriteOptions(), kind)
    attempt = Attempt(None, TrackedReader(resource.find, {}), context.warn, {})
    document = await request.mutated(attempt, CONNECT, document, None)
    await request.validate(attempt, CONNECT, document, None)
    return document
