"""What the rules of a Pod cost: defaults, preparation and validation of a typical one.

python tests/bench/bench_pod.py
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any, Final

import orjson

from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.builtin.kinds import builtin_kind
from apiserver.resources.strategy import Strategy
from apiserver.schema.jsondecoder import decode_json
from apiserver.schema.structtypes import struct_of_kind

_ROUNDS: Final = 2000
_POD: Final[dict[str, Any]] = {
    "metadata": {
        "name": "web-7f9c6d5b8-x2x4q",
        "namespace": "default",
        "labels": {"app": "web", "pod-template-hash": "7f9c6d5b8", "tier": "frontend"},
        "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
    },
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "registry.example.com/team/web:1.27.3",
                "args": ["--listen=:8080", "--verbose"],
                "ports": [
                    {"name": "http", "containerPort": 8080},
                    {"name": "metrics", "containerPort": 9090},
                ],
                "env": [
                    {"name": "MODE", "value": "production"},
                    {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {
                        "name": "TOKEN",
                        "valueFrom": {"secretKeyRef": {"name": "web", "key": "token"}},
                    },
                ],
                "resources": {
                    "limits": {"cpu": "1", "memory": "512Mi"},
                    "requests": {"cpu": "100m", "memory": "256Mi"},
                },
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}},
                "volumeMounts": [
                    {"name": "config", "mountPath": "/etc/web", "readOnly": True},
                    {"name": "cache", "mountPath": "/var/cache"},
                ],
                "securityContext": {"allowPrivilegeEscalation": False, "runAsUser": 1000},
            }
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": "web"}},
            {"name": "cache", "emptyDir": {}},
        ],
        "serviceAccountName": "web",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{name}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            }
            for name in ("not-ready", "unreachable")
        ],
    },
}


def _strategy() -> Strategy:
    pods = next(it for it in builtin_definitions() if it.resource == "pods" and it.group == "")
    return builtin_kind(pods).strategy


def main() -> None:
    """Print the median of each step in microseconds."""
    strategy = _strategy()
    struct = struct_of_kind("v1", "Pod")
    assert struct is not None
    text = orjson.dumps(_POD)
    steps = ("decode", "default", "prepare", "validate", "warnings")
    spent: dict[str, list[float]] = {step: [] for step in steps}
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        pod = {"apiVersion": "v1", "kind": "Pod", **decode_json(struct, orjson.loads(text)).object}
        decoded = time.perf_counter()
        strategy.default(pod)
        defaulted = time.perf_counter()
        pod = strategy.prepare_for_create(pod)
        prepared = time.perf_counter()
        errors = strategy.validate(pod)
        validated = time.perf_counter()
        strategy.warnings_on_create(pod)
        ended = time.perf_counter()
        assert not errors, errors
        moments = (start, decoded, defaulted, prepared, validated, ended)
        for step, before, after in zip(steps, moments[:-1], moments[1:], strict=True):
            spent[step].append(after - before)
    micros = {step: median(times) * 1e6 for step, times in spent.items()}
    micros["rules"] = sum(micros[step] for step in ("default", "prepare", "validate"))
    print(f"a Pod of {len(text)} bytes, in microseconds")
    for step, value in micros.items():
        print(f"{step:10}{value:8.1f}")


if __name__ == "__main__":
    main()
