"""patch_object: a patch document, interpreted by its media type, changes the object.

The patch is applied to the object as clients see it, in the version of the request. The result is
decoded like the body of an update, so the same errors are possible (types, unknown fields, name...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from apiserver.fieldmanager import managedfields
from apiserver.fieldmanager.ownership import Entry
from apiserver.machinery import fielderrors
from apiserver.machinery.empties import made_of
from apiserver.machinery.errors import Invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.objects import Object
from apiserver.machinery.options import WriteOptions
from apiserver.machinery.quoting import go_value
from apiserver.machinery.valueclasses import valueclass
from apiserver.patch import json_patch, merge_patch, strategic_merge_patch
from apiserver.patch.errors import PatchError
from apiserver.patch.shown import patched_json
from apiserver.registry.apply import apply_object
from apiserver.registry.context import RequestContext
from apiserver.registry.decision import Attempt
from apiserver.registry.errors import status_of_patch, status_of_wrong_kind
from apiserver.registry.known_owners import decode_with_known_owners
from apiserver.registry.outcome import Outcome
from apiserver.registry.resource import Resource
from apiserver.registry.update import addressed, check_version
from apiserver.registry.write import Write, Written, write
from apiserver.registry.write_request import WriteRequest
from apiserver.schema.kindtypes import (
    Canonical,
    Decoded,
    DecodeError,
    MissingKind,
    Types,
    WrongKind,
)

APPLY: Final = "application/apply-patch+yaml"
_NO_KIND: Final = GroupVersionKind("", "", "")


@valueclass
class Patch:
    """A patch as sent by the client."""

    media_type: str
    body: bytes


@valueclass
class Patched:
    """The result of a patch; ``shown`` is its form in error messages.

    ``typed``: the document states its kind; otherwise the kind is that of the endpoint.
    """

    document: Any
    problems: list[str]
    shown: Callable[[], str]
    typed: bool = True


#: Applies a patch to an object. Raises PatchError.
Mutation = Callable[[Object], Patched]


async def patch_object(
    resource: Resource, context: RequestContext, patch: Patch, options: WriteOptions
) -> Written:
    """Change an object, or the part that a subresource covers; an apply may create the object.

    Raises NotFound, BadRequest, Invalid, Conflict if the patch contains a stale resourceVersion...
    """
    if patch.media_type == APPLY:
        return await apply_object(resource, context, patch.body, options)
    request = WriteRequest(resource, context, options, patches=True)
    patching = Patching(request, patch, resource.types)

    async def rule(attempt: Attempt) -> Outcome:
        if attempt.existing is None:
            raise resource.not_found(context.name)
        existing = attempt.existing.value.object
        patched = await attempt.run(patching.of, existing, attempt.warn)
        document = addressed(patched, context)
        check_version(resource, document, attempt.existing)
        await attempt.run(resource.strategy.default, document)
        return await request.update(attempt, document, existing)

    key = resource.key(context.namespace, context.name)
    change = Write(resource, context, key, "patch", options.dry_run, droppable=True)
    return await write(change, rule)


class Patching:
    """A patch of objects of a kind: that of the resource, or of a subresource such as scale."""

    def __init__(self, request: WriteRequest, patch: Patch, types: Types) -> None:
        self._request = request
        self._patch = patch
        self._types = types
        self._mutation: Mutation | None = None

    def of(self, existing: Object, warn: Callable[[str], None]) -> Object:
        """Return ``existing`` after the patch, decoded as its kind. Raises StatusError."""
        try:
            if self._mutation is None:
                # The patch is parsed after the object was found, and once for all retries.
                validated = self._request.options.field_validation != "Ignore"
                parse = _MUTATIONS[self._patch.media_type]
                self._mutation = parse(self._types, self._patch.body, validated)
            patched = self._mutation(existing)
        except PatchError as error:
            raise status_of_patch(error) from error
        return self._read(patched, managedfields.of(existing), warn)

    def _read(self, patched: Patched, owners: list[Entry], warn: Callable[[str], None]) -> Object:
        kind, options = self._types.kind, self._request.options
        try:
            read = self._decoded(patched, owners)
        except WrongKind as error:
            raise status_of_wrong_kind(error) from error
        except MissingKind as error:
            raise _refused(patched, f"{error} in '{patched.shown()}'") from error
        except DecodeError as error:
            raise _refused(patched, error.args[0]) from error
        problems = [*patched.problems, *read.problems]
        if problems and options.field_validation == "Strict":
            raise _refused(patched, "strict decoding error: " + ", ".join(problems))
        if problems and options.field_validation == "Warn":
            for problem in problems:
                warn(problem)
        head = {"kind": kind.kind, "apiVersion": kind.api_version}
        return made_of(read.object, {**head, **read.object})

    def _decoded(self, patched: Patched, owners: list[Entry]) -> Canonical | Decoded:
        types, document = self._types, patched.document
        decode: Callable[[Any], Canonical | Decoded] = (
            types.decode_patched if patched.typed else types.from_unstructured
        )
        if isinstance(document, dict) and managedfields.of(document) is owners:
            return decode_with_known_owners(decode, document)
        return decode(document)


def _json(types: Types, body: bytes, validated: bool) -> Mutation:  # noqa: FBT001
    operations = json_patch.parse(body, validated=validated)

    def mutate(existing: Object) -> Patched:
        document = json_patch.apply(existing, operations)
        return Patched(document, operations.problems, _shown(types, existing, document))

    return mutate


def _merge(types: Types, body: bytes, validated: bool) -> Mutation:  # noqa: FBT001
    patch = merge_patch.parse(body, validated=validated)

    def mutate(existing: Object) -> Patched:
        document = merge_patch.apply(existing, patch)
        return Patched(document, patch.problems, _shown(types, existing, document))

    return mutate


def _strategic(types: Types, body: bytes, validated: bool) -> Mutation:  # noqa: FBT001
    patch = strategic_merge_patch.parse(body, validated=validated)
    schema = types.schema

    def mutate(existing: Object) -> Patched:
        document = strategic_merge_patch.apply(existing, patch, schema)
        return Patched(document, patch.problems, lambda: go_value(patch.document), typed=False)

    return mutate


_MUTATIONS: Final[dict[str, Callable[[Types, bytes, bool], Mutation]]] = {
    "application/json-patch+json": _json,
    "application/merge-patch+json": _merge,
    "application/strategic-merge-patch+json": _strategic,
}


def _shown(types: Types, existing: Object, document: Any) -> Callable[[], str]:
    return lambda: patched_json(existing, document, types.in_order)


def _refused(patched: Patched, why: str) -> Invalid:
    return Invalid.of(_NO_KIND, "", [fielderrors.invalid("patch", patched.shown(), why)])
