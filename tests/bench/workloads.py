"""The requests of the benchmark: what each kind of work sends, as bytes of HTTP/1.1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

NAMESPACE: Final = "/api/v1/namespaces/default"
TOKEN: Final = "admin-token"
#: How many objects are changed in turn, so that writers do not conflict with each other.
TARGETS: Final = 64

_MERGE: Final = "application/merge-patch+json"
_STRATEGIC: Final = "application/strategic-merge-patch+json"
_APPLY: Final = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Workload:
    """A kind of request; ``request`` returns the bytes of the one with a number.

    ``heavy``: an answer has many objects, so fewer requests are made.
    """

    name: str
    request: Callable[[int], bytes]
    heavy: bool = False


def http(method: str, path: str, body: Any = None, media_type: str = "application/json") -> bytes:
    """Return a request; ``body`` is the object of its JSON body, ``None`` for no body."""
    content = b"" if body is None else orjson.dumps(body)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"User-Agent: bench\r\nContent-Type: {media_type}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def config_map(name: str, text: str = "x" * 900) -> dict[str, Any]:
    """Return a ConfigMap of about 1 KB; every hundredth by number has the label ``few``."""
    rare = name.endswith("00")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"share": "few" if rare else "many"}},
        "data": {"text": text},
    }


def pod(name: str, node: str = "") -> dict[str, Any]:
    """Return a Pod, on a node if one is given."""
    container = {
        "name": "web",
        "image": "nginx:1.27",
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
        "env": [{"name": "MODE", "value": "production"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
    }
    metadata = {"name": name, "labels": {"app": "web"}}
    spec = {"containers": [container]} | ({"nodeName": node} if node else {})
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _service(name: str) -> dict[str, Any]:
    spec = {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _create(plural: str, make: Callable[[str], Any]) -> Callable[[int], bytes]:
    return lambda number: http("POST", f"{NAMESPACE}/{plural}", make(f"new-{number}"))


def _patch(media_type: str) -> Callable[[int], bytes]:
    return lambda number: http("PATCH", target(number), {"data": {"text": str(number)}}, media_type)


def target(number: int) -> str:
    """Return the path of one of the objects that exist from the start."""
    return f"{NAMESPACE}/configmaps/old-{number % TARGETS}"


def _apply(number: int) -> bytes:
    path = f"{NAMESPACE}/configmaps/applied-{number % TARGETS}?fieldManager=bench&force=true"
    return http("PATCH", path, config_map(f"applied-{number % TARGETS}", str(number)), _APPLY)


def _put(number: int) -> bytes:
    return http("PUT", target(number), config_map(f"old-{number % TARGETS}", str(number)))


WORKLOADS: Final = (
    Workload("GET", lambda number: http("GET", target(number))),
    Workload("GET rv=0", lambda number: http("GET", target(number) + "?resourceVersion=0")),
    Workload("LIST limit=500", lambda _: http("GET", f"{NAMESPACE}/configmaps?limit=500"), True),
    Workload("LIST all", lambda _: http("GET", f"{NAMESPACE}/configmaps"), True),
    Workload(
        "LIST 1 in 100",
        lambda _: http("GET", f"{NAMESPACE}/configmaps?labelSelector=share%3Dfew"),
        True,
    ),
    Workload(
        "LIST of a node",
        lambda number: http(
            "GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-{number % 100}"
        ),
    ),
    Workload("create ConfigMap", _create("configmaps", config_map)),
    Workload("create Service", _create("services", _service)),
    Workload("create Pod", _create("pods", pod)),
    Workload("update", _put),
    Workload("merge patch", _patch(_MERGE)),
    Workload("strategic patch", _patch(_STRATEGIC)),
    Workload("apply", _apply),
)
