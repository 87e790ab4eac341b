"""The shapes of large bodies: what takes long to parse, compare, sort, validate, write or free."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

#: The size of a request body that is still allowed, in bytes.
SIZE: Final = 3 * 1024 * 1024

NAMESPACE: Final = "/api/v1/namespaces/default"
MAPS: Final = "/api/v1/namespaces/default/configmaps"
PODS: Final = "/api/v1/namespaces/default/pods"
SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
REVISIONS: Final = "/apis/apps/v1/namespaces/default/controllerrevisions"
THINGS: Final = "/apis/example.com/v1/namespaces/default/things"
SERVICES: Final = "/api/v1/namespaces/default/services"
POLICIES: Final = "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies"
STRUCTS: Final = {
    MAPS: ("v1", "ConfigMap", "core.v1.ConfigMap"),
    PODS: ("v1", "Pod", "core.v1.Pod"),
    SLICES: ("discovery.k8s.io/v1", "EndpointSlice", "discovery.v1.EndpointSlice"),
    SERVICES: ("v1", "Service", "core.v1.Service"),
    POLICIES: ("networking.k8s.io/v1", "NetworkPolicy", "networking.v1.NetworkPolicy"),
}


def repeated(before: str, item: Callable[[int], str], after: str) -> bytes:
    """Return a document with as many items as fit."""
    items, room = [], SIZE - len(before) - len(after) - 64
    for index in range(room):
        text = item(index)
        room -= len(text.encode()) + 1
        if room < 0:
            break
        items.append(text)
    return (before + ",".join(items) + after).encode()


#: Items of a list, by name.
ITEMS: Final[Mapping[str, Callable[[int], str]]] = {
    "empty lists": lambda _: "[]",
    "empty objects": lambda _: "{}",
    "nested lists": lambda _: "[[[[]]]]",
    "deep lists": lambda _: "[" * 200 + "]" * 200,
    "small objects": lambda _: '{"a":1}',
    "duplicate members": lambda _: '{"a":1,"a":2}',
    "integers": lambda _: "1",
    "floats": lambda _: "1.5",
    "strings": lambda _: '"ab"',
    "escapes": lambda _: '"\\u00e9\\ud83d\\ude00"',
    "nulls": lambda _: "null",
}
MEMBERS: Final[Mapping[str, Callable[[int], str]]] = {
    "members": lambda index: f'"{index:x}":""',
    "members of lists": lambda index: f'"{index:x}":[]',
    "one member again": lambda _: '"a":""',
}
HEAD: Final = '"metadata":{"name":"big","labels":{"a":"b"}}'


def config_map(inside: str) -> str:
    """Return a ConfigMap with more in it."""
    return f'{{"apiVersion":"v1","kind":"ConfigMap",{HEAD},{inside}'


def revision(inside: str) -> str:
    """Return a ControllerRevision, whose data is any JSON."""
    return f'{{"apiVersion":"apps/v1","kind":"ControllerRevision",{HEAD},"revision":1,{inside}'


def thing(inside: str) -> str:
    """Return an object of a custom kind, whose spec is any JSON; its rules are checked."""
    return f'{{"apiVersion":"example.com/v1","kind":"Thing",{HEAD},{inside}'


def pod(inside: str) -> str:
    """Return the beginning of a Pod."""
    return f'{{"apiVersion":"v1","kind":"Pod",{HEAD},"spec":{{{inside}'


def many_items(before: str, item: str, after: str) -> bytes:
    """Return an object of the custom kind with some of the same items."""
    return (thing(before) + ",".join([item] * 40_000) + after).encode()


def shapes() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """Yield the name of every shape, the path of its kind, and what makes the body."""
    for name, item in ITEMS.items():
        yield f"unknown {name}", MAPS, partial(repeated, config_map('"x":['), item, "]}")
        yield f"raw {name}", REVISIONS, partial(repeated, revision('"data":{"x":['), item, "]}}")
    for name, item in MEMBERS.items():
        yield f"unknown {name}", MAPS, partial(repeated, config_map('"x":{'), item, "}}")
        yield f"raw {name}", REVISIONS, partial(repeated, revision('"data":{'), item, "}}")
        yield f"data of {name}", MAPS, partial(repeated, config_map('"data":{'), item, "}}")
    text = json.dumps(config_map('"data":{"a":"b"}}')).strip('"')
    yield "one text", MAPS, lambda: (config_map('"data":{"k":"') + text * 15000 + '"}}').encode()
    yield "half a text", MAPS, lambda: (config_map('"data":{"k":"') + text * 6000 + '"}}').encode()
    yield (
        "half members",
        MAPS,
        lambda: (
            config_map('"data":{') + ",".join(f'"{i:x}":"v"' for i in range(80_000)) + "}}"
        ).encode(),
    )
    yield (
        "labels",
        MAPS,
        partial(repeated, '{"metadata":{"name":"big","labels":{', lambda i: f'"a{i:x}":"v"', "}}}"),
    )
    yield (
        "annotations",
        MAPS,
        partial(
            repeated, '{"metadata":{"name":"big","annotations":{', lambda i: f'"A{i:x}":"v"', "}}}"
        ),
    )
    yield (
        "finalizers",
        MAPS,
        partial(
            repeated, '{"metadata":{"name":"big","finalizers":[', lambda i: f'"a.b/f{i:x}"', "]}}"
        ),
    )
    yield "owners", MAPS, partial(
        repeated, '{"metadata":{"name":"big","ownerReferences":[',
        lambda i: f'{{"apiVersion":"v1","kind":"Pod","name":"n","uid":"u{i:x}"}}', "]}}",
    )  # fmt: skip
    yield "managed fields", MAPS, partial(
        repeated, '{"metadata":{"name":"big","managedFields":[{"manager":"m","operation":"Update",'
        '"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{',
        lambda i: f'"f:a{i:x}":{{}}', "}}]}}",
    )  # fmt: skip
    container = '"containers":[{"name":"c","image":"i"'
    yield (
        "containers",
        PODS,
        partial(repeated, pod('"containers":['), lambda i: f'{{"name":"c{i}","image":"i"}}', "]}}"),
    )
    yield "empty containers", PODS, partial(repeated, pod('"containers":['), lambda _: "{}", "]}}")
    yield "environment", PODS, partial(
        repeated, pod(container + ',"env":['), lambda i: f'{{"name":"A{i}","value":"$(A{i})"}}',
        "]}]}}",
    )  # fmt: skip
    yield "ports", PODS, partial(
        repeated, pod(container + ',"ports":['),
        lambda i: f'{{"containerPort":{1 + i % 65535}}}', "]}]}}",
    )  # fmt: skip
    yield (
        "volumes",
        PODS,
        partial(repeated, pod(container + '}],"volumes":['), lambda i: f'{{"name":"v{i}"}}', "]}}"),
    )
    yield (
        "tolerations",
        PODS,
        partial(
            repeated, pod(container + '}],"tolerations":['), lambda i: f'{{"key":"v{i}"}}', "]}}"
        ),
    )
    yield (
        "service ports",
        SERVICES,
        lambda: (
            '{"metadata":{"name":"big"},"spec":{"type":"NodePort","ports":['
            + ",".join(f'{{"name":"p{i}","port":{1 + i}}}' for i in range(30_000))
            + "]}}"
        ).encode(),
    )
    yield "endpoints", SLICES, partial(
        repeated, '{"metadata":{"name":"big"},"addressType":"IPv4","endpoints":[',
        lambda i: f'{{"addresses":["10.{i >> 16}.{i >> 8 & 255}.{i & 255}"]}}', "]}",
    )  # fmt: skip
    yield "rules", POLICIES, partial(
        repeated, '{"metadata":{"name":"big"},"spec":{"podSelector":{},"ingress":[',
        lambda i: f'{{"ports":[{{"port":{i % 65535}}}]}}', "]}}",
    )  # fmt: skip
    yield (
        "invalid containers",
        PODS,
        lambda: (pod('"containers":[') + ",".join(["{}"] * 240_000) + "]}}").encode(),
    )
    yield (
        "invalid environment",
        PODS,
        lambda: (
            pod(container + ',"env":[') + ",".join(['{"name":"="}'] * 80_000) + "]}]}}"
        ).encode(),
    )
    yield (
        "half environment",
        PODS,
        lambda: (
            pod(container + ',"env":[')
            + ",".join(f'{{"name":"A{i}","value":"$(A{i})"}}' for i in range(40_000))
            + "]}]}}"
        ).encode(),
    )
    yield (
        "half containers",
        PODS,
        lambda: (
            pod('"containers":[')
            + ",".join(f'{{"name":"c{i}","image":"i"}}' for i in range(20_000))
            + "]}}"
        ).encode(),
    )
    yield (
        "half finalizers",
        MAPS,
        lambda: (
            '{"metadata":{"name":"big","finalizers":['
            + ",".join(f'"a.b/f{i * 7919 % 70_000:x}"' for i in range(70_000))
            + "]}}"
        ).encode(),
    )
    yield (
        "half labels",
        MAPS,
        lambda: (
            '{"metadata":{"name":"big","labels":{'
            + ",".join(f'"f{i * 7919 % 70_000:x}":"v"' for i in range(70_000))
            + "}}}"
        ).encode(),
    )
    yield (
        "half endpoints",
        SLICES,
        lambda: (
            '{"metadata":{"name":"big"},"addressType":"IPv4","endpoints":['
            + ",".join(['{"addresses":["10.0.0.1"]}'] * 40_000)
            + "]}"
        ).encode(),
    )
    yield (
        "custom nested lists",
        THINGS,
        partial(repeated, thing('"spec":{"x":['), ITEMS["nested lists"], "]}}"),
    )
    many = 40_000
    yield "half custom objects", THINGS, lambda: many_items('"spec":{"x":[', '{"ab":{}}', "]}}")
    yield (
        "half custom rules",
        THINGS,
        lambda: (
            thing('"rules":[')
            + ",".join(f'{{"name":"n{i}","number":{i}}}' for i in range(many))
            + "]}"
        ).encode(),
    )
    yield (
        "half custom members",
        THINGS,
        lambda: (
            thing('"spec":{') + ",".join(f'"{i * 7919 % 99_991:x}":[]' for i in range(many)) + "}}"
        ).encode(),
    )
    yield (
        "invalid custom rules",
        THINGS,
        lambda: many_items('"rules":[', '{"number":"x","more":1}', "]}"),
    )
    yield (
        "half raw integers",
        REVISIONS,
        lambda: (revision('"data":{"x":[') + ",".join(["12"] * 240_000) + "]}}").encode(),
    )
    yield (
        "half raw objects",
        REVISIONS,
        lambda: (revision('"data":{"x":[') + ",".join(['{"ab":{}}'] * 80_000) + "]}}").encode(),
    )
    yield (
        "half raw members",
        REVISIONS,
        lambda: (
            revision('"data":{')
            + ",".join(f'"{i * 7919 % 99_991:x}":[]' for i in range(80_000))
            + "}}"
        ).encode(),
    )
    yield "one long name", MAPS, lambda: b'{"metadata":{"name":"' + b"a" * (SIZE - 99) + b'"}}'
    yield (
        "many long digits",
        REVISIONS,
        lambda: revision('"data":{"x":').encode() + b"9" * (SIZE - 300) + b"}}",
    )
    yield "broken at the end", MAPS, lambda: repeated(config_map('"x":['), lambda _: "[]", "]")
