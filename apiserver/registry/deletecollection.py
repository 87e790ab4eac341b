"""delete_collection: a list, followed by deletes."""

from __future__ import annotations

from dataclasses import replace

from apiserver.machinery.errors import NotFound
from apiserver.machinery.objects import name_of, namespace_of
from apiserver.machinery.options import DeleteOptions, ListOptions
from apiserver.registry.context import RequestContext
from apiserver.registry.delete import delete_item
from apiserver.registry.errors import objects_of_list
from apiserver.registry.list import ObjectList, list_objects
from apiserver.registry.resource import Resource
from apiserver.registry.yielding import yield_fairly


async def delete_collection(
    resource: Resource, context: RequestContext, options: DeleteOptions, selected: ListOptions
) -> ObjectList:
    """Delete every object that a list would return, and return that list.

    An object that is removed concurrently is not an error; the first other error ends the request.
    """
    found = await list_objects(resource, context.namespace, selected)
    for stored in found.items:
        with objects_of_list():
            document = stored.object
        one = replace(
            context,
            namespace=namespace_of(document),
            name=name_of(document),
            in_collection=True,
        )
        # A store in memory never waits, so other requests need a chance to run.
        await yield_fairly()
        try:
            await delete_item(resource, one, options)
        except NotFound:
            continue
    return found
