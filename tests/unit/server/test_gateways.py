"""Definitions of the size and with the rules of those of the Gateway API, over HTTP."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.gateways.definitions import GROUP, gateway_definitions
from tests.unit.server.gadgets import DEFINITIONS
from tests.unit.server.in_process import InProcess
from tests.waiting import eventually

CLASS: dict[str, Any] = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "GatewayClass",
    "metadata": {"name": "a"},
    "spec": {"controllerName": "example.com/controller"},
}
GATEWAY: dict[str, Any] = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "Gateway",
    "metadata": {"name": "a"},
    "spec": {
        "gatewayClassName": "a",
        "addresses": [{"value": "192.0.2.1"}, {"type": "Hostname", "value": "a.example.com"}],
        "listeners": [
            {"name": "http", "port": 80, "protocol": "HTTP", "hostname": "*.example.com"},
            {
                "name": "https",
                "port": 443,
                "protocol": "HTTPS",
                "tls": {"certificateRefs": [{"name": "certificate"}]},
            },
        ],
    },
}
ROUTE: dict[str, Any] = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "a"},
    "spec": {
        "parentRefs": [{"name": "a"}],
        "hostnames": ["www.example.com"],
        "rules": [
            {
                "matches": [
                    {"path": {"type": "PathPrefix", "value": "/shop"}},
                    {"headers": [{"name": "x-version", "value": "2"}], "method": "GET"},
                ],
                "filters": [
                    {
                        "type": "RequestHeaderModifier",
                        "requestHeaderModifier": {"set": [{"name": "x-a", "value": "1"}]},
                    },
                ],
                "backendRefs": [{"name": "shop", "port": 8080, "weight": 9}],
                "timeouts": {"request": "10s", "backendRequest": "2s"},
            },
        ],
    },
}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}
PREFIX = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
COLLECTIONS = {
    "GatewayClass": "gatewayclasses",
    "Gateway": "namespaces/default/gateways",
    "HTTPRoute": "namespaces/default/httproutes",
}


@pytest.fixture(scope="module")
def definitions() -> dict[str, dict[str, Any]]:
    """The definitions, by kind."""
    return gateway_definitions()


def path(document: dict[str, Any], version: str = "v1") -> str:
    return f"/apis/{GROUP}/{version}/{COLLECTIONS[document['kind']]}"


def changed(document: dict[str, Any], change: Callable[[Any], object]) -> dict[str, Any]:
    """Return a document whose spec was changed."""
    document = copy.deepcopy(document)
    change(document["spec"])
    return document


def listener(**members: Any) -> Callable[[Any], object]:
    return lambda spec: spec["listeners"].append({"name": "x", "port": 1, **members})


def in_rule(**members: Any) -> Callable[[Any], object]:
    return lambda spec: spec["rules"][0].update(members)


def with_path(**members: Any) -> Callable[[Any], object]:
    return in_rule(matches=[{"path": members}])


REFUSED = [
    (
        CLASS,
        lambda spec: spec.update(controllerName="example.com"),
        "spec.controllerName",
        "should match",
    ),
    (
        GATEWAY,
        lambda spec: spec.update(listeners=[]),
        "spec.listeners",
        "should have at least 1 items",
    ),
    (
        GATEWAY,
        lambda spec: spec["addresses"].append({"value": "192.0.2.1"}),
        "spec.addresses",
        "IPAddress values must be unique",
    ),
    (
        GATEWAY,
        lambda spec: spec["addresses"].append({"type": "Hostname", "value": "_"}),
        "spec.addresses[2]",
        "Hostname value must be empty or contain only valid characters",
    ),
    (
        GATEWAY,
        listener(protocol="TCP", tls={"options": {"a": "b"}}),
        "spec.listeners",
        "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
    ),
    (
        GATEWAY,
        listener(protocol="HTTPS", tls={"mode": "Passthrough"}),
        "spec.listeners",
        "tls mode must be Terminate for protocol HTTPS",
    ),
    (
        GATEWAY,
        listener(protocol="TLS"),
        "spec.listeners",
        "tls mode must be set for protocol TLS",
    ),
    (
        GATEWAY,
        listener(protocol="UDP", hostname="a.b"),
        "spec.listeners",
        "hostname must not be specified for protocols ['TCP', 'UDP']",
    ),
    (
        GATEWAY,
        listener(port=80, protocol="HTTP", hostname="*.example.com"),
        "spec.listeners",
        "Combination of port, protocol and hostname must be unique for each listener",
    ),
    (
        GATEWAY,
        listener(protocol="TLS", tls={}),
        "spec.listeners[2].tls",
        "no such key: certificateRefs",
    ),
    (
        ROUTE,
        lambda spec: spec["parentRefs"].append({"name": "a", "sectionName": "x"}),
        "spec.parentRefs",
        "sectionName must be specified when parentRefs includes 2 or more references to the same "
        "parent",
    ),
    (
        ROUTE,
        lambda spec: spec["parentRefs"].append({"name": "a", "namespace": ""}),
        "spec.parentRefs[1].namespace",
        "should be at least 1 chars long",
    ),
    (
        ROUTE,
        with_path(type="Exact", value="shop"),
        "spec.rules[0].matches[0].path",
        "value must be an absolute path and start with '/' when type one of ['Exact', "
        "'PathPrefix']",
    ),
    (
        ROUTE,
        with_path(value="/a/../b"),
        "spec.rules[0].matches[0].path",
        "must not contain '/../' when type one of ['Exact', 'PathPrefix']",
    ),
    (
        ROUTE,
        with_path(value="/ü"),
        "spec.rules[0].matches[0].path",
        "must only contain valid characters when type one of ['Exact', 'PathPrefix']",
    ),
    (
        ROUTE,
        in_rule(filters=[REDIRECT]),
        "spec.rules[0]",
        "RequestRedirect filter must not be used together with backendRefs",
    ),
    (
        ROUTE,
        in_rule(
            backendRefs=[],
            filters=[{"type": "RequestRedirect", "requestRedirect": {"path": PREFIX}}],
        ),
        "spec.rules[0]",
        "When using RequestRedirect filter with path.replacePrefixMatch, exactly one PathPrefix "
        "match must be specified",
    ),
    (
        ROUTE,
        in_rule(filters=[{"type": "URLRewrite", "requestRedirect": {}}]),
        "spec.rules[0].filters[0]",
        "filter.requestRedirect must be nil if the filter.type is not RequestRedirect",
    ),
    (
        ROUTE,
        in_rule(filters=[{"type": "URLRewrite", "urlRewrite": {}}] * 2),
        "spec.rules[0].filters",
        "URLRewrite filter cannot be repeated",
    ),
    (
        ROUTE,
        in_rule(
            filters=[{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath"}}}]
        ),
        "spec.rules[0].filters[0].urlRewrite.path",
        "replaceFullPath must be specified when type is set to 'ReplaceFullPath'",
    ),
    (
        ROUTE,
        in_rule(backendRefs=[{"name": "shop"}]),
        "spec.rules[0].backendRefs[0]",
        "Must have port for Service reference",
    ),
    (
        ROUTE,
        in_rule(timeouts={"request": "1s", "backendRequest": "2s"}),
        "spec.rules[0].timeouts",
        "backendRequest timeout cannot be longer than request timeout",
    ),
    (
        ROUTE,
        in_rule(timeouts={"request": "1x"}),
        "spec.rules[0].timeouts.request",
        "should match",
    ),
    (
        ROUTE,
        lambda spec: spec.update(rules=[{"matches": [{"method": "GET"}] * 43}] * 3),
        "spec.rules",
        "While 16 rules and 64 matches per rule are allowed, the total number of matches across "
        "all rules in a route must be less than 128",
    ),
]


async def test_definitions_are_installed_and_hold(
    api: InProcess, definitions: dict[str, dict[str, Any]]
) -> None:
    for kind, definition in definitions.items():
        assert (await api.ask("POST", DEFINITIONS, definition)).status == 201
        await eventually(lambda kind=kind: _is_served(api, kind))
        name = definition["metadata"]["name"]
        await eventually(lambda name=name: _is_approved(api, name))
    for document in (CLASS, GATEWAY, ROUTE):
        made = await api.ask("POST", path(document), document)
        assert made.status == 201, made.body
        older = await api.ask("GET", f"{path(document, 'v1beta1')}/a")
        assert older.body["spec"] == made.body["spec"]
        assert older.body["apiVersion"] == f"{GROUP}/v1beta1"
    gateway = (await api.ask("GET", f"{path(GATEWAY)}/a")).body
    assert [each["type"] for each in gateway["status"]["conditions"]] == ["Accepted", "Programmed"]
    assert gateway["spec"]["listeners"][0]["allowedRoutes"] == {"namespaces": {"from": "Same"}}
    bare = {**ROUTE, "metadata": {"name": "bare"}, "spec": {}}
    (rule,) = (await api.ask("POST", path(ROUTE), bare)).body["spec"]["rules"]
    assert rule == {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}
    for document, change, field, message in REFUSED:
        wrong = {**changed(document, change), "metadata": {"name": "wrong"}}
        refused = await api.ask("POST", path(wrong), wrong)
        assert refused.status == 422, (field, message, refused.body)
        causes = [(each["field"], each["message"]) for each in refused.body["details"]["causes"]]
        assert any(where == field and message in text for where, text in causes), causes
    stored = (await api.ask("GET", f"{path(CLASS)}/a")).body
    stored["spec"]["controllerName"] = "example.com/other"
    refused = await api.ask("PUT", f"{path(CLASS)}/a", stored)
    (cause,) = refused.body["details"]["causes"]
    assert cause["field"] == "spec.controllerName"
    assert cause["message"].endswith("Value is immutable")


async def _is_served(api: InProcess, kind: str) -> bool:
    return (await api.ask("GET", path({"kind": kind}))).status == 200


async def _is_approved(api: InProcess, name: str) -> bool:
    found = await api.ask("GET", f"{DEFINITIONS}/{name}")
    conditions = {each["type"]: each["status"] for each in found.body["status"]["conditions"]}
    return conditions.get("KubernetesAPIApprovalPolicyConformant") == "True"
