"""apply_object: server-side apply (KEP-555). The manager's intent is merged into the object."""

from __future__ import annotations

from collections.abc import Callable

from apiserver.fieldmanager.errors import FieldManagerError
from apiserver.machinery.documentlimits import DocumentError
from apiserver.machinery.documents import parse_yaml
from apiserver.machinery.errors import BadRequest, Conflict, UnknownError
from apiserver.machinery.gvk import parse_api_version
from apiserver.machinery.objects import Object, metadata_of
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.times import now
from apiserver.patch.reading import no_object
from apiserver.registry import namespaces
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.errors import status_of_ownership
from apiserver.registry.known_owners import decode_with_known_owners
from apiserver.registry.offload import offload
from apiserver.registry.outcome import Outcome, Save
from apiserver.registry.resource import Resource
from apiserver.registry.update import addressed, check_version
from apiserver.registry.write import Write, Written, write
from apiserver.registry.write_request import WriteRequest
from apiserver.schema.kindtypes import DecodeError


async def apply_object(
    resource: Resource, context: RequestContext, body: bytes, options: WriteOptions
) -> Written:
    """Apply the document in ``body``, YAML or JSON; the object is created if it does not exist.

    Raises BadRequest, Conflict, Invalid, NotFound (of the namespace, or through a subresource)...
    """
    applied, duplicates = await offload(context.size, read_applied, body)
    request = WriteRequest(resource, context, options, owns=True, patches=True)

    async def rule(attempt: Attempt) -> Outcome:
        current = attempt.existing
        if current is None and context.subresource:
            raise resource.not_found(context.name)
        existing = None if current is None else current.value.object
        merged = await attempt.run(_merged, request, existing, applied)
        check_duplicates(duplicates, options, attempt.warn)
        document = addressed(merged, context)
        if current is None or existing is None:
            return await _created(request, attempt, document)
        check_version(resource, document, current)
        return await request.update(attempt, document, existing)

    key = resource.key(context.namespace, context.name)
    return await write(Write(resource, context, key, "patch", options.dry_run), rule)


def read_applied(body: bytes) -> tuple[Object, list[str]]:
    """Parse an applied document; return its duplicate keys as well. Raises BadRequest."""
    try:
        document, duplicates = parse_yaml(body)
    except DocumentError as error:
        raise BadRequest(f"error decoding YAML: error converting YAML to JSON: {error}") from error
    if document is None:
        return {}, duplicates
    if not isinstance(document, dict):
        raise BadRequest(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: "
            + no_object(document)
        )
    return document, duplicates


def check_duplicates(
    duplicates: list[str], options: WriteOptions, warn: Callable[[str], None]
) -> None:
    """Raise BadRequest for duplicate members, or warn about them, according to ``fieldValidation``.

    Only documents that can be applied are checked: a conflict, or a field that is not in the
    schema, is reported first and alone.
    """
    if options.field_validation == "Ignore":
        return
    if duplicates and options.field_validation == "Strict":
        raise BadRequest(
            f"error strict decoding YAML: error converting YAML to JSON: {duplicates[0]}"
        )
    for error in duplicates:
        for line in error.splitlines()[1:]:
            warn(line.strip())


def _merged(request: WriteRequest, existing: Object | None, applied: Object) -> Object:
    resource, context, options = request.resource, request.context, request.options
    definition = resource.definition
    try:
        merged = resource.field_manager.apply(
            existing,
            applied,
            manager=options.field_manager,
            force=options.force,
            subresource=context.subresource,
            now=now(),
        )
        canonical = decode_with_known_owners(resource.types.from_unstructured, merged)
    except FieldManagerError as error:
        raise status_of_ownership(error) from error
    except DecodeError as error:
        raise inconvertible(applied, error) from error
    read = {"kind": definition.kind, "apiVersion": definition.api_version, **canonical.object}
    resource.strategy.default(read)
    return read


def inconvertible(applied: Object, error: DecodeError) -> UnknownError:
    """Return the error for a merged object whose values do not fit into its kind."""
    metadata = metadata_of(applied)
    group, version = parse_api_version(applied["apiVersion"])
    kind = f"{group}/{version}, Kind={applied['kind']}"
    return UnknownError(
        f"failed to convert new object ({metadata.get('namespace') or ''}/"
        f"{metadata.get('name') or ''}; {kind}) to proper version: unable to convert "
        f"unstructured object to {kind}: {error}"
    )


async def _created(request: WriteRequest, attempt: Attempt, document: Object) -> Outcome:
    resource, context = request.resource, request.context
    namespaces.require(attempt, resource, context.namespace, context.name)
    given = document["metadata"]
    if given.get("uid"):
        raise Conflict.of(
            resource.group_resource,
            context.name,
            f"uid mismatch: the provided object specified uid {given['uid']}, "
            "and no existing object was found",
        )
    fields = {key: value for key, value in given.items() if key != "resourceVersion"}
    return Save(await request.create(attempt, {**document, "metadata": fields}))
