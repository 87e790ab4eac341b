"""The kinds of a CustomResourceDefinition: one for each version that it serves.

A kind is built when it is first needed, and its schema when the first object is read: there may be
thousands of definitions, most of which are never used in this process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Final

import orjson

from apiserver.client.webhook import WebhookClient
from apiserver.machinery.gvk import GroupVersionKind, format_api_version, version_order
from apiserver.machinery.objects import Object
from apiserver.resources.builtin.apiextensions.conversions import WEBHOOK, conversion_of
from apiserver.resources.builtin.apiextensions.crds import TERMINATING, is_served, is_true
from apiserver.resources.builtin.kinds import builtin_types
from apiserver.resources.custom.customstrategy import CustomResourceStrategy, VersionFeatures
from apiserver.resources.custom.printercolumns import printer_of
from apiserver.resources.custom.scalepaths import ScalePaths
from apiserver.resources.custom.selectablefields import selectable_fields
from apiserver.resources.custom.versionconversion import VersionConversion, VersionTypes, rename
from apiserver.resources.custom.webhookconversion import WebhookConversion, WebhookConverter
from apiserver.resources.definition import ResourceDefinition, Subresource
from apiserver.resources.kind import Kind, UnloadedKind
from apiserver.resources.scaling import SCALE
from apiserver.schema.jsonschemaprops import structural_schema
from apiserver.schema.kindtypes import Convert, KindVersions
from apiserver.schema.structural import Schema
from apiserver.schema.structuraltypes import StructuralTypes

# In the order of discovery.
_VERBS: Final = (
    "delete", "deletecollection", "get", "list", "patch", "create", "update", "watch",
)  # fmt: skip
_VERBS_WHILE_TERMINATING: Final = ("delete", "deletecollection", "get", "list", "watch")
_SUBRESOURCE_VERBS: Final = ("get", "patch", "update")

#: Returns a CustomResourceDefinition, decoded.
ReadDefinition = Callable[[], Object]


def custom_kinds(
    crd: Object, read: ReadDefinition, webhooks: WebhookClient, before: Iterable[UnloadedKind] = ()
) -> Sequence[UnloadedKind]:
    """Return the kinds that a CustomResourceDefinition serves in its present state.

    ``read`` returns the definition in this state; ``before`` are the kinds that it has served up to
    now. ``webhooks`` calls its conversion webhook. Raises LookupError for an invalid definition.
    """
    if not is_served(crd):
        return ()
    kinds = _Kinds(read, webhooks)
    since = {kind.definition.form: kind.definition.since for kind in before}
    return [
        UnloadedKind(replace(each, since=since.get(each.form, each.since)), kinds.load)
        for each in definitions_of(crd)
    ]


def stored_kind(crd: Object, webhooks: WebhookClient) -> Kind:
    """Return the kind of the version that objects are stored in, which need not be served.

    Raises LookupError for an invalid definition.
    """
    stored = _stored_version(crd)
    versions = [{**each, "served": each["name"] == stored} for each in crd["spec"]["versions"]]
    (definition,) = definitions_of({**crd, "spec": {**crd["spec"], "versions": versions}})
    return _Kinds(lambda: crd, webhooks).load(definition)


def served_state(crd: Object) -> str:
    """Return a digest of all that `custom_kinds` makes of a CustomResourceDefinition."""
    accepted = (crd.get("status") or {}).get("acceptedNames")
    conditions = [is_served(crd), is_true(crd, TERMINATING)]
    return _digest(crd["metadata"].get("uid"), crd["spec"], accepted, conditions)


def definitions_of(crd: Object) -> Iterable[ResourceDefinition]:
    """Yield the definitions of the served versions, in the order of the CustomResourceDefinition.

    The names are those that were accepted, although the definition may ask for others by now.
    """
    spec, metadata = crd["spec"], crd["metadata"]
    names = {**spec["names"], **_accepted(crd)}
    versions = spec["versions"]
    stored = _stored_version(crd)
    terminating = is_true(crd, TERMINATING)
    converted_by_webhook = conversion_of(crd).get("strategy") == WEBHOOK
    group, plural, kind = spec["group"], names["plural"], names["kind"]
    shared = _digest(metadata.get("uid"), spec.get("conversion"), [
        (each["name"], each["storage"], _schema_of(each)) for each in versions
    ])  # fmt: skip
    for version in versions:
        if not version["served"]:
            continue
        name = version["name"]
        yield ResourceDefinition(
            group=group,
            version=name,
            resource=plural,
            kind=kind,
            singular=names["singular"],
            namespaced=spec["scope"] == "Namespaced",
            verbs=_VERBS_WHILE_TERMINATING if terminating else _VERBS,
            storage_kind=GroupVersionKind(group, stored, kind),
            storage_prefix=f"{group}/{plural}",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=tuple(_subresources(version, GroupVersionKind(group, name, kind))),
            list_kind=names["listKind"],
            typed_items=True,
            custom=True,
            converted_by_webhook=converted_by_webhook,
            routed_by_verb=True,
            form=_digest(
                shared, version.get("additionalPrinterColumns"), version.get("selectableFields")
            ),
            since=int(metadata["resourceVersion"]),
        )


def published_schema(crd: Object, version: str) -> Object | None:
    """Return the ``openAPIV3Schema`` of a version, with its selectable fields, or ``None``."""
    declared = _version(crd, version)
    schema, fields = _schema_of(declared), declared.get("selectableFields")
    if schema is None or not fields:
        return schema
    paths = [{"fieldPath": each["jsonPath"].removeprefix(".")} for each in fields]
    return {**schema, "x-kubernetes-selectable-fields": paths}


def _accepted(crd: Object) -> Object:
    accepted = (crd.get("status") or {}).get("acceptedNames") or {}
    return {name: value for name, value in accepted.items() if value}


def _schema_of(version: Object) -> Object | None:
    return (version.get("schema") or {}).get("openAPIV3Schema")


def _digest(*parts: Any) -> str:
    return hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _subresources(version: Object, kind: GroupVersionKind) -> Iterable[Subresource]:
    declared = version.get("subresources") or {}
    if declared.get("status") is not None:
        yield Subresource("status", kind, _SUBRESOURCE_VERBS)
    if declared.get("scale") is not None:
        yield Subresource("scale", SCALE, _SUBRESOURCE_VERBS)


class _Kinds:
    """The kinds of one state of a CustomResourceDefinition, with what they share."""

    def __init__(self, read: ReadDefinition, webhooks: WebhookClient) -> None:
        self._read = read
        self._webhooks = webhooks

    def load(self, definition: ResourceDefinition) -> Kind:
        """Return the kind of a version."""
        crd = self._read()
        version = _version(crd, definition.version)
        versions = self._versions
        types = versions[definition.api_version]
        declared = (version.get("subresources") or {}).get("scale")
        scale = None if declared is None else ScalePaths(declared, _scale_paths(crd))
        features = VersionFeatures(
            printer=printer_of(version.get("additionalPrinterColumns") or ()),
            fields=selectable_fields(version.get("selectableFields") or ()),
            scale=scale,
            deprecation=_deprecation(crd, version, definition),
            terminating=is_true(crd, TERMINATING),
        )
        return Kind(
            definition=definition,
            types=types,
            behaviour=partial(CustomResourceStrategy, features=features),
            conversion=self._conversion(
                definition, settled=not _drops_default(version)
            ).both_ways(),
            subresources={"scale": builtin_types(SCALE)} if scale else {},
        )

    @cached_property
    def _versions(self) -> VersionTypes:
        """The types of all versions, served or not: objects may be stored in any of them."""
        spec = (crd := self._read())["spec"]
        group, kind = spec["group"], {**spec["names"], **_accepted(crd)}["kind"]
        kinds = [GroupVersionKind(group, each["name"], kind) for each in spec["versions"]]
        shared = KindVersions({}, self._convert if len(kinds) > 1 else None)
        versions = {
            each.api_version: StructuralTypes(each, partial(self._schema, each.version), shared)
            for each in kinds
        }
        shared.types.update(versions)
        return versions

    def _conversion(self, definition: ResourceDefinition, *, settled: bool) -> VersionConversion:
        versions, stored = self._versions, definition.storage_kind.api_version
        between = versions, self._convert, definition.api_version, stored, settled
        if self._webhook is None:
            return VersionConversion(*between)
        return WebhookConversion(*between, self._webhook)

    @property
    def _convert(self) -> Convert:
        """The conversion strategy. Raises Inconvertible when it cannot be carried out."""
        return rename if self._webhook is None else self._webhook.convert

    @cached_property
    def _webhook(self) -> WebhookConverter | None:
        """The webhook that converts, if that is the strategy."""
        conversion = conversion_of(self._read())
        if conversion.get("strategy") != WEBHOOK:
            return None
        return WebhookConverter(conversion["webhook"], self._webhooks)

    def _schema(self, version: str) -> Schema:
        return structural_schema(_schema_of(_version(self._read(), version)) or _ANYTHING)


_ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _drops_default(version: Object) -> bool:
    """Return whether a create drops what is a default again when the object is read: the status."""
    if (version.get("subresources") or {}).get("status") is None:
        return False
    properties = (_schema_of(version) or {}).get("properties") or {}
    return (properties.get("status") or {}).get("default") is not None


def _stored_version(crd: Object) -> str:
    for version in crd["spec"]["versions"]:
        if version["storage"]:
            name: str = version["name"]
            return name
    raise LookupError("no version is stored")


def _version(crd: Object, name: str) -> Object:
    version: Object = next(each for each in crd["spec"]["versions"] if each["name"] == name)
    return version


def _scale_paths(crd: Object) -> Mapping[str, str]:
    paths = {}
    for version in crd["spec"]["versions"]:
        declared = (version.get("subresources") or {}).get("scale") or {}
        api_version = format_api_version(crd["spec"]["group"], version["name"])
        paths[api_version] = declared.get("specReplicasPath", "")
    return paths


def _deprecation(crd: Object, version: Object, definition: ResourceDefinition) -> str:
    """Return the warning about a deprecated version, ``""`` for others."""
    if not version.get("deprecated"):
        return ""
    warning: str | None = version.get("deprecationWarning")
    if warning is not None:
        return warning
    kind = definition.kind
    text = f"{definition.api_version} {kind} is deprecated"
    better = _replacement(crd, version["name"])
    if not better:
        return text
    return f"{text}; use {format_api_version(definition.group, better)} {kind}"


def _replacement(crd: Object, name: str) -> str:
    """Return the first served, not deprecated version that is newer than ``name``, or ``""``."""
    newer: list[str] = [
        version["name"]
        for version in crd["spec"]["versions"]
        if version["served"]
        and not version.get("deprecated")
        and version_order(version["name"]) < version_order(name)
    ]
    return min(newer, key=version_order, default="")
