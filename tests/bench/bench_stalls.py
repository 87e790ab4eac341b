"""How long one large request keeps the event loop from all others, by the shape of its body.

Run as a program: ``python -m tests.bench.bench_stalls [WORD...]`` prints, for every shape and verb
whose name contains one of the words (all if none is said), the answer and the longest stall of the
loop in milliseconds. A stall is measured in CPU time of the whole process between two ticks of a
task that is due every millisecond, so other processes of the machine do not count. The client is a
process of its own.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

from apiserver.schema.structtypes import struct_type
from apiserver.server.serving import freeze_memory
from tests.fuzz.protobuf import envelope
from tests.unit.server.in_process import InProcess, server_in_process

#: The size of a request body that is still allowed, in bytes.
SIZE: Final = 3 * 1024 * 1024
TICK: Final = 0.001
BUDGET_MS: Final = 50.0

NAMESPACE: Final = "/api/v1/namespaces/default"
WITHOUT_ACCOUNTS: Final = "--disable-admission-plugins=ServiceAccount"
MAPS: Final = "/api/v1/namespaces/default/configmaps"
PODS: Final = "/api/v1/namespaces/default/pods"
SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
REVISIONS: Final = "/apis/apps/v1/namespaces/default/controllerrevisions"
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


def pod(inside: str) -> str:
    """Return the beginning of a Pod."""
    return f'{{"apiVersion":"v1","kind":"Pod",{HEAD},"spec":{{{inside}'


def _shapes() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
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


@dataclass(frozen=True, slots=True)
class Case:
    """A request: its verb, path, media type and body; what exists before is of the same name."""

    shape: str
    verb: str
    method: str
    path: str
    media_type: str = "application/json"


def cases(words: list[str]) -> Iterator[Case]:
    """Yield every verb with every shape."""
    for shape, path, _ in _shapes():
        for case in _of_shape(shape, path):
            if not words or any(word in f"{shape}: {case.verb}" for word in words):
                yield case


def _of_shape(shape: str, path: str) -> Iterator[Case]:
    one = path + "/big"
    yield Case(shape, "create", "POST", path)
    yield Case(shape, "create as YAML", "POST", path, "application/yaml")
    if path in STRUCTS:
        yield Case(shape, "create as protobuf", "POST", path, PROTOBUF)
    yield Case(shape, "update", "PUT", one)
    yield Case(shape, "merge patch", "PATCH", one, "application/merge-patch+json")
    yield Case(shape, "strategic patch", "PATCH", one, "application/strategic-merge-patch+json")
    yield Case(shape, "JSON patch", "PATCH", one, "application/json-patch+json")
    yield Case(shape, "apply", "PATCH", one + "?fieldManager=m", "application/apply-patch+yaml")
    yield Case(shape, "get", "GET", one)
    yield Case(shape, "list", "GET", path + "?labelSelector=a%3Db")
    yield Case(shape, "delete", "DELETE", one)


def body_of(case: Case) -> bytes:
    """Return the body of a request."""
    if case.method in ("GET", "DELETE"):
        return b""
    body = next(make for shape, _, make in _shapes() if shape == case.shape)()
    if case.verb == "create as YAML":
        # Flow style, but not the JSON that is the fast case of YAML.
        return b" " + body
    if case.media_type == PROTOBUF:
        return _as_protobuf(body, case.path)
    if case.verb == "JSON patch":
        return b'[{"op":"add","path":"/x","value":' + body + b"}]"
    if case.verb == "apply" and b'"kind"' not in body[:80]:
        path = case.path.partition("/big")[0]
        version, kind, _ = STRUCTS[path]
        return b'{"kind":"%s","apiVersion":"%s",' % (kind.encode(), version.encode()) + body[1:]
    return body


def _as_protobuf(body: bytes, path: str) -> bytes:
    version, kind, struct = STRUCTS[path]
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return envelope({**document, "apiVersion": version, "kind": kind}, struct_type(struct))[:SIZE]


def send(url: str, case: Case, headers: Mapping[str, str]) -> tuple[int, int]:
    """Send a request; return the status and the size of the answer. It runs in the client."""
    # A hundred warnings are a hundred headers.
    http.client._MAXHEADERS = 1000  # type: ignore[attr-defined]
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=300)
    given = {**headers, "Content-Type": case.media_type, "Authorization": "Bearer secret"}
    connection.request(case.method, case.path, body_of(case), given)
    with connection.getresponse() as answer:
        return answer.status, len(answer.read())


@dataclass(slots=True)
class Ticks:
    """The longest time that a task due every millisecond has waited."""

    longest: float = field(default=0.0)

    async def count(self) -> None:
        """Tick until cancelled."""
        before = time.process_time()
        while True:
            await asyncio.sleep(TICK)
            now = time.process_time()
            self.longest = max(self.longest, now - before)
            before = now


async def stall(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call in another process returns, and the longest stall in milliseconds."""
    ticks = Ticks()
    task = asyncio.create_task(ticks.count())
    try:
        answer = await call()
        # What the request leaves behind is freed as well.
        await asyncio.sleep(0.05)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return answer, ticks.longest * 1000


async def prepare(server: InProcess) -> None:
    """Make admission look at Pods: their security, ranges and quotas."""
    labels = {f"pod-security.kubernetes.io/{mode}": "baseline" for mode in ("enforce", "warn")}
    await server.ask(
        "PATCH", NAMESPACE, {"metadata": {"labels": labels}}, "application/merge-patch+json"
    )
    limits = [{"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"memory": "1"}},
              {"type": "Pod", "max": {"cpu": "1e9"}}]  # fmt: skip
    await server.ask(
        "POST", f"{NAMESPACE}/limitranges", {"metadata": {"name": "r"}, "spec": {"limits": limits}}
    )
    hard = {"pods": "9", "requests.cpu": "1e9", "limits.memory": "1e18"}
    await server.ask(
        "POST", f"{NAMESPACE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": hard}}
    )


async def measure(words: list[str]) -> None:
    """Print the table."""
    loop = asyncio.get_running_loop()
    with (
        tempfile.TemporaryDirectory() as directory,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as client,
    ):
        async with server_in_process(Path(directory), WITHOUT_ACCOUNTS) as server:
            await prepare(server)
            freeze_memory()
            for path in dict.fromkeys(path for _, path, _ in _shapes()):
                # What is imported and compiled with the first request of a kind is not counted.
                for case in (*_of_shape("one text", path), *_of_shape("one text", path)):
                    await loop.run_in_executor(client, send, server.url, case, {})
            for case in cases(words):
                for headers in ({}, {"User-Agent": "curl"}) if case.method == "GET" else ({},):
                    ask = partial(loop.run_in_executor, client, send, server.url, case, headers)
                    began = time.monotonic()
                    (status, size), longest = await stall(ask)
                    mark = "  OVER" if longest > BUDGET_MS else ""
                    print(
                        f"{case.shape:26} {case.verb:16} {status} {size:9} "
                        f"{longest:7.1f} ms of {time.monotonic() - began:5.1f} s{mark}",
                        flush=True,
                    )


if __name__ == "__main__":
    uvloop.run(measure(sys.argv[1:]))
