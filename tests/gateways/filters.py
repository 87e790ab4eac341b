"""The filters of a rule of an HTTPRoute: a union by their type, and the backends."""

from __future__ import annotations

from tests.gateways.schemas import (
    API_GROUP,
    HEADER_NAME,
    KIND,
    NAME,
    NAMESPACE,
    PORT,
    PRECISE_HOSTNAME,
    Schema,
    a_list,
    a_map,
    an_object,
    enum,
    ruled,
    text,
)


def filters_of_rule() -> Schema:
    header = an_object(("name", "value"), name=HEADER_NAME, value=text(4096))
    modifier = an_object(
        add=a_map(header, 16, "name"),
        remove=a_list({"type": "string"}, 16, **{"x-kubernetes-list-type": "set"}),
        set=a_map(header, 16, "name"),
    )
    replacing = (
        ("replaceFullPath", "ReplaceFullPath"),
        ("replacePrefixMatch", "ReplacePrefixMatch"),
    )
    path = ruled(
        an_object(
            ("type",),
            replaceFullPath={"type": "string", "maxLength": 1024},
            replacePrefixMatch={"type": "string", "maxLength": 1024},
            type=enum("ReplaceFullPath", "ReplacePrefixMatch"),
        ),
        *(
            (
                f"self.type == '{kind}' ? has(self.{member}) : true",
                f"{member} must be specified when type is set to '{kind}'",
            )
            for member, kind in replacing
        ),
        *(
            (
                f"has(self.{member}) ? self.type == '{kind}' : true",
                f"type must be '{kind}' when {member} is set",
            )
            for member, kind in replacing
        ),
    )
    backend = an_object(
        ("name",),
        group={**API_GROUP, "default": ""},
        kind={**KIND, "default": "Service"},
        name=NAME,
        namespace=NAMESPACE,
        port=PORT,
    )
    members = {
        "RequestHeaderModifier": ("requestHeaderModifier", modifier),
        "ResponseHeaderModifier": ("responseHeaderModifier", modifier),
        "RequestMirror": ("requestMirror", an_object(("backendRef",), backendRef=service(backend))),
        "RequestRedirect": (
            "requestRedirect",
            an_object(
                hostname=PRECISE_HOSTNAME,
                path=path,
                port=PORT,
                scheme=enum("http", "https"),
                statusCode={"type": "integer", "enum": [301, 302], "default": 302},
            ),
        ),
        "URLRewrite": ("urlRewrite", an_object(hostname=PRECISE_HOSTNAME, path=path)),
        "ExtensionRef": (
            "extensionRef",
            an_object(("group", "kind", "name"), group=API_GROUP, kind=KIND, name=NAME),
        ),
    }
    unions: list[tuple[str, str]] = []
    for kind, (member, _) in members.items():
        unions += [
            (
                f"!(has(self.{member}) && self.type != '{kind}')",
                f"filter.{member} must be nil if the filter.type is not {kind}",
            ),
            (
                f"!(!has(self.{member}) && self.type == '{kind}')",
                f"filter.{member} must be specified for {kind} filter.type",
            ),
        ]
    filter_ = ruled(
        an_object(
            ("type",),
            **dict(members.values()),
            type=enum(*members),
        ),
        *unions,
    )
    once = ("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite")
    return ruled(
        a_list(filter_, 16),
        (
            "!(self.exists(f, f.type == 'RequestRedirect') && "
            "self.exists(f, f.type == 'URLRewrite'))",
            "May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, "
            "but not both",
        ),
        *(
            (
                f"self.filter(f, f.type == '{kind}').size() <= 1",
                f"{kind} filter cannot be repeated",
            )
            for kind in once
        ),
    )


def service(backend: Schema) -> Schema:
    return ruled(
        backend,
        (
            "(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true",
            "Must have port for Service reference",
        ),
    )
