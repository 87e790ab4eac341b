"""get_object."""

from __future__ import annotations

from apiserver.machinery.errors import BadRequest
from apiserver.machinery.names import path_segment_problems
from apiserver.machinery.quoting import quote
from apiserver.registry import freshness
from apiserver.registry.resource import Resource
from apiserver.registry.stored import Stored
from storage.errors import StorageError


async def get_object(
    resource: Resource, namespace: str, name: str, resource_version: str = ""
) -> Stored:
    """Return one object: the latest state, or one not older than ``resource_version``.

    Raises NotFound, BadRequest for an invalid name, Timeout for a future resourceVersion.
    """
    problems = path_segment_problems(name)
    if problems:
        raise BadRequest(f"Name parameter invalid: {quote(name)}: {problems[0]}")
    key = resource.key(namespace, name)
    try:
        if resource_version:
            await freshness.not_older(resource.store, freshness.parse_for_get(resource_version))
            record = resource.store.get_cached(key)
        else:
            record = await resource.store.get(key)
        if resource.webhook_view is not None and record is not None:
            await resource.webhook_view.ready([record])
    except StorageError as error:
        raise resource.failed(error, "get") from error
    if record is None:
        raise resource.not_found(name)
    return record.value
