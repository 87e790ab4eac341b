"""GatewayClass and Gateway: listeners, addresses, and the rules about them."""

from __future__ import annotations

from tests.gateways.schemas import (
    API_GROUP,
    DNS,
    GROUP,
    HOSTNAME,
    KIND,
    NAME,
    NAMESPACE,
    PORT,
    SECTION,
    Schema,
    a_list,
    a_map,
    an_object,
    conditions,
    enum,
    ruled,
    text,
)


def gateway_class() -> Schema:
    controller = ruled(
        text(pattern=rf"^{DNS}\/[A-Za-z0-9\/\-._~%!$&'()*+,;=:]+$"),
        ("self == oldSelf", "Value is immutable"),
    )
    parameters = an_object(
        ("group", "kind", "name"), group=API_GROUP, kind=KIND, name=NAME, namespace=NAMESPACE
    )
    return an_object(
        ("spec",),
        spec=an_object(
            ("controllerName",),
            controllerName=controller,
            description={"type": "string", "maxLength": 64},
            parametersRef=parameters,
        ),
        status={
            **an_object(
                conditions=conditions("Accepted"),
                supportedFeatures=a_map(an_object(("name",), name=NAME), 64, "name"),
            ),
            "default": {"conditions": conditions("Accepted")["default"]},
        },
    )


def _addresses() -> Schema:
    address = ruled(
        an_object(
            type={
                **text(pattern=rf"^Hostname|IPAddress|NamedAddress|{DNS}\/.+$"),
                "default": "IPAddress",
            },
            value=text(),
        ),
        (
            "self.type == 'Hostname' ? (!has(self.value) || "
            f'self.value.matches(r"""^(\\*\\.)?{DNS}$""")): true',
            "Hostname value must be empty or contain only valid characters",
        ),
    )
    return ruled(
        a_list(address, 16),
        *(
            (
                f"self.all(a1, a1.type == '{kind}' && has(a1.value) ? self.exists_one(a2, "
                "a2.type == a1.type && has(a2.value) && a2.value == a1.value) : true )",
                f"{kind} values must be unique",
            )
            for kind in ("IPAddress", "Hostname")
        ),
    )


def _listeners() -> Schema:
    secret = an_object(
        ("name",),
        group={**API_GROUP, "default": ""},
        kind={**KIND, "default": "Secret"},
        name=NAME,
        namespace=NAMESPACE,
    )
    tls = ruled(
        an_object(
            certificateRefs=a_list(secret, 64),
            mode=enum("Terminate", "Passthrough", default="Terminate"),
            options={
                "type": "object",
                "additionalProperties": {"type": "string", "maxLength": 4096},
                "maxProperties": 16,
            },
        ),
        (
            "self.mode == 'Terminate' ? size(self.certificateRefs) > 0 || size(self.options) > 0 "
            ": true",
            "certificateRefs or options must be specified when mode is Terminate",
        ),
    )
    same = {"from": "Same"}
    labels = {"type": "object", "additionalProperties": {"type": "string"}}
    expression = an_object(
        ("key", "operator"),
        key={"type": "string"},
        operator={"type": "string"},
        values={"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
    )
    selector = {
        **an_object(
            matchExpressions={
                "type": "array",
                "items": expression,
                "x-kubernetes-list-type": "atomic",
            },
            matchLabels=labels,
        ),
        "x-kubernetes-map-type": "atomic",
    }
    namespaces = {
        **an_object(**{"from": enum("All", "Selector", "Same", default="Same")}, selector=selector),
        "default": same,
    }
    route = an_object(("kind",), group={**API_GROUP, "default": GROUP}, kind=KIND)
    allowed = {
        **an_object(kinds=a_list(route, 8), namespaces=namespaces),
        "default": {"namespaces": same},
    }
    listener = an_object(
        ("name", "port", "protocol"),
        allowedRoutes=allowed,
        hostname=HOSTNAME,
        name=SECTION,
        port=PORT,
        protocol=text(255, pattern=rf"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|{DNS}\/[A-Z]+$"),
        tls=tls,
    )
    return ruled(
        {**a_map(listener, 64, "name"), "minItems": 1},
        (
            "self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)",
            "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
        ),
        (
            "self.all(l, (l.protocol == 'HTTPS' && has(l.tls)) ? "
            "(l.tls.mode == '' || l.tls.mode == 'Terminate') : true)",
            "tls mode must be Terminate for protocol HTTPS",
        ),
        (
            "self.all(l, (l.protocol == 'TLS' ? has(l.tls) && has(l.tls.mode) && l.tls.mode != '' "
            ": true))",
            "tls mode must be set for protocol TLS",
        ),
        (
            "self.all(l, l.protocol in ['TCP', 'UDP']  ? (!has(l.hostname) || l.hostname == '') "
            ": true)",
            "hostname must not be specified for protocols ['TCP', 'UDP']",
        ),
        (
            "self.all(l1, self.exists_one(l2, l1.name == l2.name))",
            "Listener name must be unique within the Gateway",
        ),
        (
            "self.all(l1, self.exists_one(l2, l1.port == l2.port && l1.protocol == l2.protocol && "
            "(has(l1.hostname) && has(l2.hostname) ? l1.hostname == l2.hostname : "
            "!has(l1.hostname) && !has(l2.hostname))))",
            "Combination of port, protocol and hostname must be unique for each listener",
        ),
    )


def gateway() -> Schema:
    labels = {
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 63},
        "maxProperties": 8,
    }
    parameters = an_object(("group", "kind", "name"), group=API_GROUP, kind=KIND, name=NAME)
    listener = an_object(
        ("attachedRoutes", "conditions", "name", "supportedKinds"),
        attachedRoutes={"type": "integer", "format": "int32"},
        conditions=conditions(),
        name=SECTION,
        supportedKinds=a_list(an_object(("kind",), group=API_GROUP, kind=KIND), 8),
    )
    return an_object(
        ("spec",),
        spec=an_object(
            ("gatewayClassName", "listeners"),
            addresses=_addresses(),
            gatewayClassName=NAME,
            infrastructure=an_object(annotations=labels, labels=labels, parametersRef=parameters),
            listeners=_listeners(),
        ),
        status={
            **an_object(
                addresses=a_list(an_object(("value",), type=text(), value=text()), 16),
                conditions=conditions("Accepted", "Programmed"),
                listeners=a_map(listener, 64, "name"),
            ),
            "default": {"conditions": conditions("Accepted", "Programmed")["default"]},
        },
    )
