"""Discovery documents below /api and /apis, computed from the catalogue.

Every document has two forms: one list for each group version, and an aggregated list of everything.
The forms differ in one point: for a built-in kind the aggregated form leaves group and version
empty if they equal those of the resource; for a custom kind it always states them.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from functools import partial
from typing import Any

from apiserver.machinery.gvk import GroupVersionKind, format_api_version
from apiserver.resources.catalog import Catalog
from apiserver.resources.definition import ResourceDefinition, Subresource

Document = dict[str, Any]


def api_versions(address: str) -> Document:
    """Return the document at ``/api``; ``address`` is the host and port for clients."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def api_group_list(catalog: Catalog) -> Document:
    """Return the document at ``/apis``."""
    groups = [_group(catalog, group) for group in catalog.groups() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(catalog: Catalog, group: str) -> Document:
    """Return the document at ``/apis/GROUP``."""
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(catalog, group)}


def api_resource_list(catalog: Catalog, group: str, version: str) -> Document | None:
    """Return the document at ``/apis/GROUP/VERSION``, ``None`` if the version is not served."""
    resources = catalog.resources(group, version)
    if not resources:
        return None
    scope = (group, version)
    return catalog.derived("APIResourceList", lambda: _resource_list(resources, *scope), scope)


def _resource_list(resources: Iterable[ResourceDefinition], group: str, version: str) -> Document:
    document: Document = {"kind": "APIResourceList"}
    if group:
        # The document of the core group predates apiVersion in it, and still omits it.
        document["apiVersion"] = "v1"
    document["groupVersion"] = format_api_version(group, version)
    document["resources"] = [entry for each in resources for entry in _entries(each)]
    return document


def aggregated(catalog: Catalog, *, core: bool) -> Document:
    """Return the aggregated discovery document of ``/api`` or ``/apis``."""
    groups = [group for group in catalog.groups() if (group == "") == core]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [
            catalog.derived(
                "APIGroupDiscovery", partial(_group_discovery, catalog, group), (group,)
            )
            for group in groups
        ],
    }


def etag(data: bytes) -> str:
    """Return the entity tag of a document, without quotes."""
    return hashlib.sha512(data).hexdigest().upper()


def storage_version_hash(definition: ResourceDefinition) -> str:
    """Return the hash that changes when objects are stored in another version."""
    digest = hashlib.sha256("/".join(definition.storage_kind).encode()).digest()
    return b64encode(digest[:8]).decode()


def _group(catalog: Catalog, group: str) -> Document:
    versions = [
        {"groupVersion": format_api_version(group, version), "version": version}
        for version in catalog.versions(group)
    ]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _entries(definition: ResourceDefinition) -> Iterable[Document]:
    entry = {
        "name": definition.resource,
        "singularName": definition.singular,
        "namespaced": definition.namespaced,
        "kind": definition.kind,
        "verbs": definition.verbs,
        **_names(definition),
    }
    if definition.persisted:
        entry["storageVersionHash"] = storage_version_hash(definition)
    yield entry
    for subresource in definition.subresources:
        yield {
            "name": f"{definition.resource}/{subresource.name}",
            "singularName": "",
            "namespaced": definition.namespaced,
            **_group_version_if_different(definition, subresource),
            "kind": subresource.kind.kind,
            "verbs": subresource.verbs,
        }


def _group_version_if_different(
    definition: ResourceDefinition, subresource: Subresource
) -> Document:
    group, version, _ = subresource.kind
    if (group, version) == (definition.group, definition.version):
        return {}
    return {"group": group, "version": version}


def _names(definition: ResourceDefinition) -> Document:
    names: Document = {}
    if definition.short_names:
        names["shortNames"] = definition.short_names
    if definition.categories:
        names["categories"] = definition.categories
    return names


def _group_discovery(catalog: Catalog, group: str) -> Document:
    versions = [
        catalog.derived(
            "APIVersionDiscovery",
            partial(_version_discovery, catalog, group, version),
            (group, version),
        )
        for version in catalog.versions(group)
    ]
    return {"metadata": {"name": group} if group else {}, "versions": versions}


def _version_discovery(catalog: Catalog, group: str, version: str) -> Document:
    return {
        "version": version,
        "resources": [_resource(each) for each in catalog.resources(group, version)],
        "freshness": "Current",
    }


def _resource(definition: ResourceDefinition) -> Document:
    entry: Document = {
        "resource": definition.resource,
        "responseKind": _response_kind(definition, definition.gvk),
        "scope": "Namespaced" if definition.namespaced else "Cluster",
        "singularResource": definition.singular,
        "verbs": definition.verbs,
        **_names(definition),
    }
    subresources = [
        {
            "subresource": subresource.name,
            "responseKind": _response_kind(definition, subresource.kind),
            "verbs": subresource.verbs,
        }
        for subresource in definition.subresources
    ]
    if subresources:
        entry["subresources"] = subresources
    return entry


def _response_kind(definition: ResourceDefinition, kind: GroupVersionKind) -> Document:
    if not definition.custom and kind[:2] == definition.gvk[:2]:
        return {"group": "", "version": "", "kind": kind.kind}
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}
