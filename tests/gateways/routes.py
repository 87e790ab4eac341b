"""HTTPRoute: parents, matches, backends, and the rules about them."""

from __future__ import annotations

from typing import Final

from tests.gateways.filters import filters_of_rule, service
from tests.gateways.schemas import (
    API_GROUP,
    DURATION,
    GROUP,
    HEADER_NAME,
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

_PATH: Final = r"^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$"


def _parents() -> Schema:
    parent = an_object(
        ("name",),
        group={**API_GROUP, "default": GROUP},
        kind={**KIND, "default": "Gateway"},
        name=NAME,
        namespace=NAMESPACE,
        port=PORT,
        sectionName=SECTION,
    )
    same = (
        "p1.group == p2.group && p1.kind == p2.kind && p1.name == p2.name && "
        "(((!has(p1.__namespace__) || p1.__namespace__ == '') && "
        "(!has(p2.__namespace__) || p2.__namespace__ == '')) || "
        "(has(p1.__namespace__) && has(p2.__namespace__) && "
        "p1.__namespace__ == p2.__namespace__))"
    )
    several = "when parentRefs includes 2 or more references to the same parent"
    return ruled(
        a_list(parent, 32),
        (
            f"self.all(p1, self.all(p2, {same} ? ((!has(p1.sectionName) || p1.sectionName == '') "
            "== (!has(p2.sectionName) || p2.sectionName == '')) : true))",
            f"sectionName must be specified {several}",
        ),
        (
            f"self.all(p1, self.exists_one(p2, {same} && (((!has(p1.sectionName) || "
            "p1.sectionName == '') && (!has(p2.sectionName) || p2.sectionName == '')) || "
            "( has(p1.sectionName) && has(p2.sectionName) && p1.sectionName == p2.sectionName))))",
            f"sectionName must be unique {several}",
        ),
    )


def _path_match() -> Schema:
    exact = "(self.type in ['Exact','PathPrefix'])"
    types = "when type one of ['Exact', 'PathPrefix']"
    inside = (
        (f"{exact} ? !self.value.contains('{part}') : true", f"must not contain '{part}' {types}")
        for part in ("//", "/./", "/../", "%2f", "%2F", "#")
    )
    ends = (
        (f"{exact} ? !self.value.endsWith('{part}') : true", f"must not end with '{part}' {types}")
        for part in ("/..", "/.")
    )
    schema = an_object(
        type=enum("Exact", "PathPrefix", "RegularExpression", default="PathPrefix"),
        value={"type": "string", "maxLength": 1024, "default": "/"},
    )
    return ruled(
        {**schema, "default": {"type": "PathPrefix", "value": "/"}},
        (
            f"{exact} ? self.value.startsWith('/') : true",
            f"value must be an absolute path and start with '/' {types}",
        ),
        *inside,
        *ends,
        (
            "self.type in ['Exact','PathPrefix'] || self.type == 'RegularExpression'",
            "type must be one of ['Exact', 'PathPrefix', 'RegularExpression']",
        ),
        (
            f'{exact} ? self.value.matches(r"""{_PATH}""") : true',
            f"must only contain valid characters {types}",
        ),
    )


def _matches() -> Schema:
    pair = an_object(
        ("name", "value"),
        name=HEADER_NAME,
        type=enum("Exact", "RegularExpression", default="Exact"),
        value=text(4096),
    )
    methods = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
    match = an_object(
        headers=a_map(pair, 16, "name"),
        method=enum(*methods),
        path=_path_match(),
        queryParams=a_map(pair, 16, "name"),
    )
    return {**a_list(match, 64), "default": [{"path": {"type": "PathPrefix", "value": "/"}}]}


def _rules() -> Schema:
    filters = filters_of_rule()
    weight = {"type": "integer", "format": "int32", "minimum": 0, "maximum": 1000000, "default": 1}
    backend = service(
        an_object(
            ("name",),
            filters=filters,
            group={**API_GROUP, "default": ""},
            kind={**KIND, "default": "Service"},
            name=NAME,
            namespace=NAMESPACE,
            port=PORT,
            weight=weight,
        )
    )
    timeouts = ruled(
        an_object(backendRequest=DURATION, request=DURATION),
        (
            "!(has(self.request) && has(self.backendRequest) && "
            "duration(self.request) != duration('0s') && "
            "duration(self.backendRequest) > duration(self.request))",
            "backendRequest timeout cannot be longer than request timeout",
        ),
    )
    prefixed = (
        "(has(self.filters) && self.filters.exists_one(f, has(f.{0}) && has(f.{0}.path) && "
        "f.{0}.path.type == 'ReplacePrefixMatch' && has(f.{0}.path.replacePrefixMatch))) ? "
        "((size(self.matches) != 1 || !has(self.matches[0].path) || "
        "self.matches[0].path.type != 'PathPrefix') ? false : true) : true"
    )
    rule = ruled(
        an_object(
            backendRefs=a_list(backend, 16),
            filters=filters,
            matches=_matches(),
            name=SECTION,
            timeouts=timeouts,
        ),
        (
            "(has(self.backendRefs) && size(self.backendRefs) > 0) ? (!has(self.filters) || "
            "self.filters.all(f, !has(f.requestRedirect))): true",
            "RequestRedirect filter must not be used together with backendRefs",
        ),
        *(
            (
                prefixed.format(member),
                f"When using {kind} filter with path.replacePrefixMatch, exactly one PathPrefix "
                "match must be specified",
            )
            for kind, member in (
                ("RequestRedirect", "requestRedirect"),
                ("URLRewrite", "urlRewrite"),
            )
        ),
    )
    total = " + ".join(
        f"(self.size() > {index} ? self[{index}].matches.size() : 0)" for index in range(16)
    )
    return ruled(
        {
            **a_list(rule, 16),
            "default": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}],
        },
        (
            f"{total} <= 128",
            "While 16 rules and 64 matches per rule are allowed, the total number of matches "
            "across all rules in a route must be less than 128",
        ),
        (
            "self.all(l1, !has(l1.name) || "
            "self.exists_one(l2, has(l2.name) && l1.name == l2.name))",
            "Rule name must be unique within the route",
        ),
    )


def http_route() -> Schema:
    status = an_object(
        ("conditions", "controllerName", "parentRef"),
        conditions=conditions(),
        controllerName=text(),
        parentRef=an_object(("name",), name=NAME, namespace=NAMESPACE),
    )
    return an_object(
        ("spec",),
        spec=an_object(hostnames=a_list(HOSTNAME, 16), parentRefs=_parents(), rules=_rules()),
        status=an_object(("parents",), parents=a_list(status, 32)),
    )
