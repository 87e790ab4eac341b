"""A write is charged to the quotas of its namespace in the same commit.

Writes that change the same quota are serialized within the process. Between processes the revision
of the quota detects the conflict, and the charge is retried with the current quota.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.machinery.builtin_resources import QUOTAS
from apiserver.machinery.errors import InternalError
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.users import SYSTEM_USER
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.outcome import Save
from apiserver.registry.reader import TrackedReader
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from apiserver.registry.write_request import WriteRequest
from storage.interface import Put, Record

#: How long a write may wait for earlier writes that change the same quotas.
WAIT_SECONDS: Final = 10.0
_AGENT: Final = "kube-apiserver"


@asynccontextmanager
async def charged(
    resource: Resource,
    attributes: AdmissionAttributes,
    reader: TrackedReader,
    expected: Sequence[Object],
) -> AsyncIterator[Sequence[Put[Stored]]]:
    """Yield the changed quotas of a write, and hold their locks meanwhile.

    ``expected`` are the quotas to lock. Raises Forbidden if a quota does not allow the write,
    InternalError if the locks are not available in time.
    """
    quotas = resource.find(*QUOTAS)
    assert quotas is not None
    async with AsyncExitStack() as turn:
        try:
            keys = [_key(quotas, quota) for quota in expected]
            await turn.enter_async_context(quotas.locks.hold(keys, WAIT_SECONDS))
        except TimeoutError as error:
            raise InternalError("resource quota evaluation timed out") from error
        yield await _changes(quotas, resource.admission.charge(attributes, reader), reader)


async def _changes(
    quotas: Resource, charges: Sequence[Object], reader: TrackedReader
) -> Sequence[Put[Stored]]:
    # These are the records that the charges were computed from: there was no await in between.
    records = [reader.record(quotas.store, _key(quotas, quota)) for quota in charges]
    return [
        await _change(quotas, quota, record, reader)
        for quota, record in zip(charges, records, strict=True)
        if record is not None
    ]


async def _change(
    quotas: Resource, quota: Object, record: Record[Stored], reader: TrackedReader
) -> Put[Stored]:
    context = RequestContext(SYSTEM_USER, namespace_of(quota), name_of(quota), "status", _AGENT)
    attempt = Attempt(record, reader, context.warn, {})
    outcome = await WriteRequest(quotas, context, WriteOptions()).update(
        attempt, quota, record.value.object
    )
    assert isinstance(outcome, Save)
    return Put(record.key, Stored.to_write(outcome.document), record.revision)


def _key(quotas: Resource, quota: Object) -> str:
    return quotas.key(namespace_of(quota), name_of(quota))
