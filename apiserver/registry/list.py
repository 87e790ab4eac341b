"""list_objects: pages of one snapshot."""

from __future__ import annotations

from collections.abc import Sequence

from apiserver.machinery import fielderrors
from apiserver.machinery.errors import BadRequest, Expired, Invalid
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.options import META_GROUP, ListOptions
from apiserver.machinery.valueclasses import valueclass
from apiserver.registry import continuation, freshness
from apiserver.registry.errors import objects_of_list
from apiserver.registry.resource import CachedSelection, Resource
from apiserver.registry.selection import Selection
from apiserver.registry.stored import Stored
from apiserver.registry.yielding import Yielder, batches
from storage.errors import Compacted, StorageError
from storage.interface import LATEST, Page, Record

_EXACT, _NOT_OLDER = "Exact", "NotOlderThan"
_FETCH_LIMIT = 10_000
_MANY = 10_000
_MAX_CACHED = 32
_MAX_CACHED_ITEMS = 1000
_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list."
)


@valueclass
class ObjectList:
    """One page; ``remaining`` is ``None`` where Kubernetes omits remainingItemCount.

    ``resource_version`` is empty where the objects are not stored.
    """

    items: Sequence[Stored]
    resource_version: str
    continue_token: str = ""
    remaining: int | None = None


@valueclass
class _Range:
    """The range to read: its start, its revision, and the required freshness of the cache.

    ``within`` is the part below ``prefix`` that the selection allows.
    """

    prefix: str
    within: str
    start: str = ""
    revision: int = LATEST
    not_older: int | None = None
    limit: int = 0


async def list_objects(resource: Resource, namespace: str, options: ListOptions) -> ObjectList:
    """Return the objects that match a request, or a page of them.

    Raises Invalid, BadRequest, Expired or Timeout for options that cannot be satisfied.
    """
    check_list(options)
    selection = Selection(options, resource.kind)
    prefix = resource.prefix(namespace)
    span = _range(prefix, within(resource, namespace, selection), options)
    try:
        with objects_of_list():
            return await _read(resource, span, selection)
    except Compacted as error:
        raise _expired(span, options) from error
    except StorageError as error:
        raise resource.failed(error, "list") from error


def check_list(options: ListOptions) -> None:
    """Raise Invalid for contradictory options."""
    match, version = options.resource_version_match, options.resource_version
    path = "resourceVersionMatch"
    errors = []
    if match:
        if not version:
            detail = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            errors.append(fielderrors.forbidden(path, detail))
        if options.continue_token:
            detail = "resourceVersionMatch is forbidden when continue is provided"
            errors.append(fielderrors.forbidden(path, detail))
        if match not in (_EXACT, _NOT_OLDER):
            errors.append(fielderrors.not_supported(path, match, (_EXACT, _NOT_OLDER, "")))
        if match == _EXACT and version == "0":
            detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            errors.append(fielderrors.forbidden(path, detail))
    if options.send_initial_events is not None:
        detail = "sendInitialEvents is forbidden for list"
        errors.append(fielderrors.forbidden("sendInitialEvents", detail))
    if errors:
        raise Invalid.of(GroupVersionKind(META_GROUP, "v1", "ListOptions"), "", errors)


def within(resource: Resource, namespace: str, selection: Selection) -> str:
    """Return the narrowest known prefix of all keys that can match a selection."""
    namespace = namespace or selection.namespace or ""
    if not resource.definition.namespaced:
        namespace = ""
    prefix, name = resource.prefix(namespace), selection.name
    if name and (namespace or not resource.definition.namespaced):
        return prefix + name
    return prefix


def _range(prefix: str, within: str, options: ListOptions) -> _Range:
    limit = max(options.limit, 0)
    text = options.resource_version
    if options.continue_token:
        if text not in ("", "0"):
            raise BadRequest("specifying resource version is not allowed when using continue")
        token = continuation.decode(options.continue_token)
        revision = LATEST if token.revision == continuation.INCONSISTENT else token.revision
        return _Range(prefix, within, prefix + token.start, revision, limit=limit)
    if not text:
        return _Range(prefix, within, limit=limit)
    revision = freshness.parse_for_list(text)
    if revision == 0:
        return _Range(prefix, within, not_older=0)
    match = options.resource_version_match
    if match == _EXACT or (not match and limit):
        return _Range(prefix, within, revision=revision, limit=limit)
    return _Range(prefix, within, not_older=revision, limit=limit)


async def _read(resource: Resource, span: _Range, selection: Selection) -> ObjectList:
    if selection and await _is_in_memory(resource, span):
        if not span.limit:
            return await _from_memory(resource, span, selection)
        items = await _indexed(resource, span, selection)
        if items is not None and len(items) <= span.limit:
            return ObjectList(items, str(resource.store.cached_revision))
    page = await _page(resource, span, span.limit)
    records = await _chosen(resource, page.records, selection, span.limit)
    revision = page.revision
    while span.limit and page.remaining and len(records) < span.limit:
        following = page.records[-1].key + "\0"
        if resource.store.cached_revision == revision:
            # The whole rest is read at once, since the cache changes while it is scanned.
            page = resource.store.list_cached(span.within, start=following)
        else:
            pinned = _Range(span.prefix, span.within, following, revision)
            page = await _page(resource, pinned, _FETCH_LIMIT)
        records = [
            *records,
            *await _chosen(resource, page.records, selection, span.limit - len(records)),
        ]
    more = page.remaining + max(len(records) - span.limit, 0) if span.limit else 0
    if span.limit:
        records = records[: span.limit]
    items = await _values(records)
    if not more:
        return ObjectList(items, str(revision))
    token = continuation.after(span.prefix, records[-1].key, revision)
    return ObjectList(items, str(revision), token, None if selection else more)


async def _is_in_memory(resource: Resource, span: _Range) -> bool:
    if span.start or not span.within.endswith("/"):
        return False
    if span.not_older is not None:
        await freshness.not_older(resource.store, span.not_older)
        return True
    return span.revision == LATEST and await resource.store.wait_until_fresh()


async def _from_memory(resource: Resource, span: _Range, selection: Selection) -> ObjectList:
    # Clients poll: while nothing below the prefix changes, a selection has the same result.
    store, revision = resource.store, str(resource.store.cached_revision)
    key = (span.within, selection.conditions)
    known = resource.selected.get(key)
    if known is not None and known.revision >= store.last_change(span.within):
        return ObjectList(known.items, revision)
    items = await _indexed(resource, span, selection)
    as_of = store.cached_revision
    if items is None:
        page = store.list_cached(span.within)
        items = [record.value for record in await _chosen(resource, page.records, selection)]
        as_of = page.revision
    if len(items) <= _MAX_CACHED_ITEMS:
        if len(resource.selected) >= _MAX_CACHED:
            resource.selected.pop(next(iter(resource.selected)))
        resource.selected[key] = CachedSelection(as_of, items)
    return ObjectList(items, str(as_of))


async def _indexed(resource: Resource, span: _Range, selection: Selection) -> list[Stored] | None:
    """Return the matching objects as of `cached_revision`, ``None`` if no index has them."""
    required, store = selection.required, resource.store
    if required is None or resource.webhook_view is not None:
        return None
    keys = await resource.indexes.keys(store, span.within, *required)
    if keys is None:
        return None
    found = [record for key in sorted(keys) if (record := store.get_cached(key)) is not None]
    return [record.value for record in selection.of(found)]


async def _page(resource: Resource, span: _Range, limit: int) -> Page[Stored]:
    store = resource.store
    if span.not_older is not None:
        await freshness.not_older(store, span.not_older)
        return store.list_cached(span.within, start=span.start, limit=limit)
    return await store.list(span.within, start=span.start, limit=limit, revision=span.revision)


async def _chosen(
    resource: Resource, records: Sequence[Record[Stored]], selection: Selection, enough: int = 0
) -> Sequence[Record[Stored]]:
    """Return the matching records; if ``enough`` is given, that many and a few more."""
    if resource.webhook_view is not None and not selection:
        await resource.webhook_view.ready(records)
    if not selection:
        return records
    found: list[Record[Stored]] = []
    yielder = Yielder()
    for batch in batches(records, size_of=_size_of):
        if resource.webhook_view is not None:
            await resource.webhook_view.ready(batch)
        found += selection.of(batch)
        if 0 < enough < len(found):
            break
        await yielder.yield_if_due()
    return found


def _size_of(record: Record[Stored]) -> int:
    return record.value.size


async def _values(records: Sequence[Record[Stored]]) -> list[Stored]:
    if len(records) <= _MANY:
        return [record.value for record in records]
    values: list[Stored] = []
    yielder = Yielder()
    for batch in batches(records):
        values += [record.value for record in batch]
        await yielder.yield_if_due()
    return values


def _expired(span: _Range, options: ListOptions) -> Expired:
    if not options.continue_token:
        return Expired("The resourceVersion for the provided list is too old.")
    return continue_expired(span.start[len(span.prefix) :])


def continue_expired(start: str) -> Expired:
    """Return the error for a continue token that is too old; ``start`` is where it continues."""
    refusal = Expired(_CONTINUE_EXPIRED)
    token = continuation.Continuation(start, continuation.INCONSISTENT)
    refusal.list_metadata = {"continue": token.encode()}
    return refusal
