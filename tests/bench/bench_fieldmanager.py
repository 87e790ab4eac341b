"""How long ownership takes: ``python tests/bench/bench_fieldmanager.py``.

Microseconds for one operation, the best of several rounds, and the budget for it.
"""

from __future__ import annotations

import copy
import sys
import timeit
from collections.abc import Callable
from typing import Any

from apiserver.fieldmanager.manager import ExcludeFields, FieldManager
from apiserver.machinery.gvk import GroupVersionKind, parse_api_version
from apiserver.resources.builtin.kinds import builtin_types

NOW, LATER = "2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"

CONTAINER = {
    "name": "web",
    "image": "registry.example.com/shop/web:1.27.3",
    "args": ["--listen=:8080", "--log=json"],
    "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
    "resources": {
        "limits": {"cpu": "500m", "memory": "256Mi"},
        "requests": {"cpu": "100m", "memory": "128Mi"},
    },
    "livenessProbe": {
        "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    },
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}
POD_SPEC = {
    "volumes": [{"name": "data", "emptyDir": {}}],
    "containers": [CONTAINER],
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "nodeSelector": {"disk": "ssd"},
    "serviceAccountName": "web",
    "serviceAccount": "web",
    "securityContext": {"runAsNonRoot": True},
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}
LABELS = {"app": "web", "tier": "front", "app.kubernetes.io/part-of": "shop"}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "shop", "labels": LABELS},
    "spec": POD_SPEC,
    "status": {},
}
CONFIG_MAP = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "shop", "labels": LABELS},
    "data": {f"key-{number}": "x" * 80 for number in range(10)},
}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": LABELS, "generation": 1},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": LABELS}, "spec": POD_SPEC},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
        },
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    },
    "status": {},
}
APPLIED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "registry.example.com/shop/web:1.27.3",
                        "ports": [{"containerPort": 8080, "name": "http"}],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}},
                    }
                ]
            },
        },
    },
}


def field_manager(api_version: str, kind: str) -> FieldManager:
    """Return the field manager of a built-in kind."""
    return FieldManager(
        builtin_types(GroupVersionKind(*parse_api_version(api_version), kind)),
        reset_fields={"": {api_version: ExcludeFields({"f:status": {}})}},
    )


def changed(document: dict[str, Any], value: Any, *path: str | int) -> dict[str, Any]:
    """Return a copy along a path with another value at its end."""
    if not path:
        return value  # type: ignore[no-any-return]
    holder: Any = copy.copy(document)
    holder[path[0]] = changed(holder[path[0]], value, *path[1:])
    return holder  # type: ignore[no-any-return]


def operations() -> dict[str, tuple[int, Callable[[], object]]]:
    """Return what is measured: its budget in microseconds, and the operation."""
    maps, pods = field_manager("v1", "ConfigMap"), field_manager("v1", "Pod")
    deployments = field_manager("apps/v1", "Deployment")
    stored_map = maps.update(None, CONFIG_MAP, manager="kubectl-create", now=NOW)
    put = copy.deepcopy(changed(stored_map, "y", "data", "key-3"))
    patched = changed(stored_map, "y", "data", "key-3")
    stored_pod = pods.update(None, POD, manager="kubectl-create", now=NOW)
    put_pod = copy.deepcopy(changed(stored_pod, "y", "metadata", "labels", "tier"))
    live = deployments.update(None, DEPLOYMENT, manager="controller", now=NOW)
    live = deployments.apply(live, APPLIED, manager="me", now=NOW)
    twice = changed(APPLIED, 5, "spec", "replicas")
    image = ("spec", "template", "spec", "containers", 0, "image")
    twice = changed(twice, "registry.example.com/shop/web:1.28", *image)
    env = ("spec", "template", "spec", "containers", 0, "env")
    fewer = changed(APPLIED, [{"name": "A", "value": "1"}], *env)
    return {
        "create a ConfigMap of 1 KB": (
            25,
            lambda: maps.update(None, CONFIG_MAP, manager="me", now=NOW),
        ),
        "create a Pod of 1.5 KB": (80, lambda: pods.update(None, POD, manager="me", now=NOW)),
        "update a ConfigMap": (
            40,
            lambda: maps.update(stored_map, put, manager="me", now=LATER),
        ),
        "patch a ConfigMap": (
            40,
            lambda: maps.update(stored_map, patched, manager="kubectl-create", now=LATER),
        ),
        "update a Pod": (80, lambda: pods.update(stored_pod, put_pod, manager="me", now=LATER)),
        "apply a Deployment, no change": (
            250,
            lambda: deployments.apply(live, APPLIED, manager="me", now=LATER),
        ),
        "apply a Deployment, two changes": (
            250,
            lambda: deployments.apply(live, twice, manager="me", force=True, now=LATER),
        ),
        "apply a Deployment, an item given up": (
            250,
            lambda: deployments.apply(live, fewer, manager="me", now=LATER),
        ),
    }


def main() -> None:
    """Print the figures."""
    for name, (budget, operation) in operations().items():
        operation()
        best = min(timeit.repeat(operation, number=500, repeat=7)) / 500
        sys.stdout.write(f"{best * 1e6:8.1f} us  (budget {budget:3d})  {name}\n")


if __name__ == "__main__":
    main()
