"""Request options, from query parameters and from option bodies.

A boolean parameter is false if it is ``0`` or ``false``, and true otherwise, even if empty. Of a
repeated parameter the first value counts, except for ``dryRun``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from apiserver.machinery import fielderrors
from apiserver.machinery.errors import BadRequest, Invalid
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.fieldselectors import FieldSelector, parse_field_selector
from apiserver.machinery.gvk import GroupVersionKind
from apiserver.machinery.integers import parse_int64
from apiserver.machinery.labels import (
    LabelSelector,
    SelectorError,
    parse_label_selector,
)
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

Query = Mapping[str, Sequence[str]]

META_GROUP = "meta.k8s.io"
_FIELD_VALIDATION = ("", "Ignore", "Strict", "Warn")
_MAX_MANAGER = 128
_PROPAGATION = ("Foreground", "Background", "Orphan")


@valueclass
class WriteOptions:
    """CreateOptions, UpdateOptions and PatchOptions; ``force`` applies to apply only.

    ``given_validation`` is the fieldValidation of the request, ``""`` if it leaves it out.
    """

    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool = False
    given_validation: str = ""


@valueclass
class GetOptions:
    """GetOptions."""

    resource_version: str = ""


@valueclass
class ListOptions:
    """ListOptions, for lists and watches."""

    label_selector: LabelSelector
    field_selector: FieldSelector
    resource_version: str = ""
    resource_version_match: str = ""
    limit: int = 0
    continue_token: str = ""
    timeout_seconds: int = 0
    allow_watch_bookmarks: bool = False
    send_initial_events: bool | None = None
    watch: bool = False


@valueclass
class DeleteOptions:
    """DeleteOptions."""

    dry_run: bool = False
    grace_period_seconds: int | None = None
    orphan_dependents: bool | None = None
    propagation_policy: str | None = None
    uid: str | None = None
    resource_version: str | None = None


def first(query: Query, name: str) -> str:
    """Return the first value of a parameter, ``""`` if it is absent."""
    values = query.get(name)
    return values[0] if values else ""


def parse_bool(text: str) -> bool:
    """Return the value of a boolean parameter."""
    return text != "0" and text.lower() != "false"


def write_options(query: Query, kind: str) -> WriteOptions:
    """Parse CreateOptions or UpdateOptions (``kind``). Raises BadRequest or Invalid."""
    if not query:
        return _NO_WRITE_OPTIONS
    options, errors = _read_write_options(query)
    _refuse(kind, errors)
    return options


def patch_options(query: Query, *, apply: bool) -> WriteOptions:
    """Parse PatchOptions, for apply or another patch. Raises BadRequest or Invalid."""
    if not query and not apply:
        return _NO_WRITE_OPTIONS
    options, errors = _read_write_options(query)
    force = _boolean(query, "force")
    ownership: list[FieldError] = []
    if not apply and force is not None:
        detail = "may not be specified for non-apply patch"
        ownership.append(fielderrors.forbidden("force", detail))
    if apply and not options.field_manager:
        ownership.append(fielderrors.required("fieldManager", "is required for apply patch"))
    _refuse("PatchOptions", [*ownership, *errors])
    return replace(options, force=bool(force)) if force else options


def _read_write_options(query: Query) -> tuple[WriteOptions, list[FieldError]]:
    dry_run = query.get("dryRun", ())
    manager = first(query, "fieldManager")
    validation = first(query, "fieldValidation")
    errors = [*field_manager_errors(manager, "fieldManager"), *_dry_run_errors(dry_run)]
    if validation not in _FIELD_VALIDATION:
        errors.append(fielderrors.not_supported("fieldValidation", validation, _FIELD_VALIDATION))
    options = WriteOptions(
        bool(dry_run), manager, validation or "Warn", given_validation=validation
    )
    return options, errors


_NO_WRITE_OPTIONS = WriteOptions()


def list_options(query: Query) -> ListOptions:
    """Parse ListOptions. Raises BadRequest."""
    # In the order of Go's struct, since only the first error is reported.
    timeout, limit = parse_integer(query, "timeoutSeconds"), parse_integer(query, "limit")
    try:
        labels = parse_label_selector(first(query, "labelSelector"))
        fields = parse_field_selector(first(query, "fieldSelector"))
    except SelectorError as error:
        raise BadRequest(str(error)) from error
    initial = query.get("sendInitialEvents")
    return ListOptions(
        label_selector=labels,
        field_selector=fields,
        resource_version=first(query, "resourceVersion"),
        resource_version_match=first(query, "resourceVersionMatch"),
        limit=limit or 0,
        continue_token=first(query, "continue"),
        timeout_seconds=timeout or 0,
        allow_watch_bookmarks=_boolean(query, "allowWatchBookmarks") or False,
        send_initial_events=parse_bool(initial[0]) if initial else None,
        watch=_boolean(query, "watch") or False,
    )


def delete_options(query: Query) -> DeleteOptions:
    """Parse DeleteOptions from the query. Raises BadRequest or Invalid.

    An empty uid or resourceVersion is none, but an empty policy is one that is not supported.
    """
    policy = query.get("propagationPolicy")
    document: dict[str, Any] = {
        "gracePeriodSeconds": parse_integer(query, "gracePeriodSeconds"),
        "orphanDependents": _boolean(query, "orphanDependents"),
        "propagationPolicy": policy[0] if policy else None,
        "dryRun": list(query.get("dryRun", ())),
        "preconditions": {
            "uid": first(query, "uid") or None,
            "resourceVersion": first(query, "resourceVersion") or None,
        },
    }
    return delete_options_of(document)


def delete_options_of(document: Mapping[str, Any]) -> DeleteOptions:
    """Parse DeleteOptions from a decoded document. Raises Invalid."""
    dry_run = document.get("dryRun") or []
    orphan, policy = document.get("orphanDependents"), document.get("propagationPolicy")
    errors: list[FieldError] = []
    if policy is not None and orphan is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(fielderrors.invalid("propagationPolicy", policy, detail))
    if policy is not None and policy not in _PROPAGATION:
        supported = (*_PROPAGATION, "nil")
        errors.append(fielderrors.not_supported("propagationPolicy", policy, supported))
    errors += _dry_run_errors(dry_run)
    _refuse("DeleteOptions", errors)
    preconditions = document.get("preconditions") or {}
    return DeleteOptions(
        dry_run=bool(dry_run),
        grace_period_seconds=document.get("gracePeriodSeconds"),
        orphan_dependents=orphan,
        propagation_policy=policy,
        uid=preconditions.get("uid"),
        resource_version=preconditions.get("resourceVersion"),
    )


def parse_integer(query: Query, name: str) -> int | None:
    """Return a 64-bit integer parameter, if present. Raises BadRequest."""
    values = query.get(name)
    if not values:
        return None
    text = values[0]
    try:
        return parse_int64(text)
    except OverflowError as error:
        raise BadRequest(f"strconv.ParseInt: parsing {quote(text)}: value out of range") from error
    except ValueError as error:
        raise BadRequest(f"strconv.ParseInt: parsing {quote(text)}: invalid syntax") from error


def parse_ports(query: Query, name: str) -> list[int]:
    """Return the numbers with 16 bits of a parameter, separated by commas. Raises BadRequest."""
    return [_port(text) for value in query.get(name, ()) for text in value.split(",")]


def _port(text: str) -> int:
    problem = "invalid syntax"
    if text.isascii() and text.isdigit():
        digits = text.lstrip("0") or "0"
        if len(digits) <= 5 and int(digits) < 1 << 16:
            return int(digits)
        problem = "value out of range"
    detail = f"strconv.ParseUint: parsing {quote(text)}: {problem}"
    raise BadRequest(f"cannot convert to []int32: {detail}")


def _boolean(query: Query, name: str) -> bool | None:
    values = query.get(name)
    return parse_bool(values[0]) if values else None


def _dry_run_errors(values: Sequence[str]) -> list[FieldError]:
    if all(value == "All" for value in values):
        return []
    return [fielderrors.not_supported("dryRun", list(values), ("All",))]


def field_manager_errors(manager: str, path: str) -> list[FieldError]:
    """Validate the name of a field manager (apimachinery's ``ValidateFieldManager``)."""
    errors = []
    if len(manager.encode()) > _MAX_MANAGER:
        errors.append(fielderrors.too_long(path, _MAX_MANAGER))
    if manager.isprintable():
        return errors
    position = 0
    for character in manager:
        if not character.isprintable():
            detail = f"invalid character U+{ord(character):04X} (at position {position})"
            errors.append(fielderrors.invalid(path, manager, detail))
        position += len(character.encode())
    return errors


def _refuse(kind: str, errors: Sequence[FieldError]) -> None:
    if errors:
        raise Invalid.of(GroupVersionKind(META_GROUP, "v1", kind), "", errors)
