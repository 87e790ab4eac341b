"""Requests that are almost right: documents of every kind, changed in a few places."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

import yaml

from apiserver.resources.builtin import builtin_definitions
from apiserver.resources.definition import ResourceDefinition
from apiserver.schema.structtypes import struct_of_kind
from tests.fuzz import protobuf
from tests.samples import sample

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
#: What takes the place of values: other types, ends of ranges, texts that mean something somewhere.
HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, 1e308, 2**31, 2**63, -(2**63) - 1, 2**64, "", " ", "x", "-",
    "/", "..", "0", "-0", "1e400", "5" * 5000, "0x" + "f" * 300, "1" * 40, "é", "\x00", "\n", "\\",
    '"', "'", "%", "%00", "{{", "$patch", "<<", "&a", "*a", "!!binary x", "2026-13-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999+23:59", "::ffff:1.2.3.4", "10.0.0.0/33", "fe80::1%eth0",
    "https://[", "http://a:b@c:99999/", "x" * 300, "a." * 200, "@every 1h", "TZ=x 0 0 * * *",
    "* * 31 2 *", "[*]", "['x']", "metadata.labels['x']", "Ki", "1Ki", "-1", "1E9999", "999%",
    [], {}, [None], [[]], [{}], {"": ""}, {"a": None}, {"$patch": "delete"}, {"key": "x"},
    {"name": "x", "$patch": "replace"}, {"$retainKeys": ["x"]}, {"a": {"b": [{"c": 1}]}},
)  # fmt: skip
HOSTILE_NAMES = ("", "x", "metadata", "$patch", "$setElementOrder/containers", "<<", "k" * 300)
QUERIES = {
    "dryRun": ("All", "", "x"),
    "fieldValidation": ("Strict", "Warn", "Ignore", "x", ""),
    "fieldManager": ("m", "", "x" * 200, "\x01", "é"),
    "force": ("true", "false", "", "x"),
    "pretty": ("true", "0", "x"),
    "limit": ("1", "0", "-1", "9" * 30, "x"),
    "continue": ("x", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6LTEsInN0YXJ0IjoiYSJ9", ""),
    "resourceVersion": ("0", "1", "-1", "9" * 30, "x", ""),
    "resourceVersionMatch": ("Exact", "NotOlderThan", "x", ""),
    "labelSelector": ("a", "a=b", "a in (b,c)", "!a", "a>1", "a<" + "9" * 50, "(", ",", " " * 50),
    "fieldSelector": ("metadata.name=x", "status.phase!=a", "a", "=", "a=\\", "metadata.name=a,b"),
    "timeoutSeconds": ("1", "0", "-1", "x", "9" * 30),
    "allowWatchBookmarks": ("true", "x"),
    "sendInitialEvents": ("true", "x"),
    "propagationPolicy": ("Orphan", "Background", "Foreground", "x"),
    "gracePeriodSeconds": ("0", "-1", "9" * 30, "x"),
    "includeObject": ("None", "Object", "x"),
}
ACCEPTS = (
    *[JSON] * 30, YAML, YAML, PROTOBUF, "*/*", "", "x",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
    "application/yaml;q=0.5,application/json;q=x",
)  # fmt: skip
_CONTAINER: dict[str, Any] = {
    "name": "c", "image": "i", "env": [{"name": "A", "value": "b"}],
    "ports": [{"containerPort": 80, "name": "p"}],
    "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
    "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
    "securityContext": {"runAsUser": 1, "capabilities": {"add": ["A"]}},
}  # fmt: skip
_POD: dict[str, Any] = {
    "containers": [_CONTAINER],
    "volumes": [{"name": "v", "configMap": {"name": "m", "items": [{"key": "k", "path": "p"}]}}],
    "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute"}],
    "nodeSelector": {"a": "b"},
}
_LABELS = {"a": "b"}
_TEMPLATE = {"metadata": {"labels": _LABELS}, "spec": _POD}
_SELECTED = {"selector": {"matchLabels": _LABELS}, "template": _TEMPLATE}
_ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "x"}
#: Documents that are right, by kind: most changes of them are looked at by all that there is.
VALID: dict[str, dict[str, Any]] = {
    "ConfigMap": {"data": {"k": "v"}, "binaryData": {"b": "eA=="}},
    "CronJob": {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {
        "template": {"spec": {**_POD, "restartPolicy": "Never"}}}}}},
    "CustomResourceDefinition": {"spec": {
        "group": "x.io", "scope": "Namespaced", "names": {"plural": "as", "kind": "A"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {
            "openAPIV3Schema": {"type": "object", "properties": {"a": {"type": "string"}}}}}]}},
    "DaemonSet": {"spec": _SELECTED},
    "Deployment": {"spec": {**_SELECTED, "replicas": 1}},
    "EndpointSlice": {"addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"]}],
                      "ports": [{"name": "p", "port": 80}]},
    "Endpoints": {"subsets": [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]},
    "HorizontalPodAutoscaler": {"spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "a", "apiVersion": "apps/v1"},
        "maxReplicas": 3}},
    "Ingress": {"spec": {"rules": [{"host": "a.b", "http": {"paths": [{
        "path": "/", "pathType": "Prefix",
        "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}},
    "Job": {"spec": {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}},
    "Lease": {"spec": {"holderIdentity": "h", "leaseDurationSeconds": 1}},
    "LimitRange": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}},
    "NetworkPolicy": {"spec": {"podSelector": {}, "ingress": [{"from": [
        {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}]}},
    "Node": {"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}},
    "PersistentVolume": {"spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                                  "hostPath": {"path": "/p"}}},
    "PersistentVolumeClaim": {"spec": {"accessModes": ["ReadWriteOnce"],
                                       "resources": {"requests": {"storage": "1Gi"}}}},
    "Pod": {"spec": _POD},
    "PodDisruptionBudget": {"spec": {"minAvailable": "50%", "selector": {"matchLabels": _LABELS}}},
    "ResourceQuota": {"spec": {"hard": {"pods": "1000000", "requests.cpu": "1000000"}}},
    "Role": {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]},
    "RoleBinding": {"roleRef": _ROLE, "subjects": [{"kind": "User", "name": "u"}]},
    "Secret": {"data": {"k": "dg=="}, "type": "Opaque"},
    "Service": {"spec": {"ports": [{"port": 80}], "selector": _LABELS}},
    "ServiceAccount": {"secrets": [{"name": "s"}]},
    "StatefulSet": {"spec": {**_SELECTED, "serviceName": "s"}},
    "ValidatingWebhookConfiguration": {"webhooks": [{
        "name": "a.b.c", "clientConfig": {"url": "https://a.b/"}, "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [{"operations": ["*"], "apiGroups": ["none.io"], "apiVersions": ["*"],
                   "resources": ["*"]}]}]},
}  # fmt: skip
_METHODS = {
    "POST": {"create"},
    "PUT": {"update"},
    "PATCH": {"patch"},
    "GET": {"get", "list", "watch"},
    "DELETE": {"delete", "deletecollection"},
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.headers} {self.body[:2000]!r}"


class Maker:
    """Makes requests; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._definitions = [
            found
            for found in builtin_definitions()
            if struct_of_kind(found.api_version, found.kind) is not None
        ]
        self._documents: dict[str, str] = {}
        self._first = [found for found in self._definitions if found.kind in VALID]

    def _type(self, definition: ResourceDefinition) -> dict[str, Any]:
        return {"apiVersion": definition.api_version, "kind": definition.kind}

    def request(self) -> Request:
        """Return the next request: first some that create what the others are about."""
        if self._first:
            definition = self._first.pop()
            called = {"name": "a" if definition.kind != "CustomResourceDefinition" else "as.x.io"}
            document = {**self._type(definition), "metadata": called, **VALID[definition.kind]}
            path = self._path(definition, "")
            return Request("POST", path, json.dumps(document).encode(), {"Content-Type": JSON})
        pick = self._random.choice
        definition = pick(self._definitions)
        while definition.kind not in VALID and self._random.random() < 0.6:
            definition = pick(self._definitions)
        method = pick([each for each in _METHODS if _METHODS[each] & set(definition.verbs)])
        name = pick(("", "a", "a", "a", pick("abc"), pick(("system", "x" * 300, "%00"))))
        if method in ("PUT", "PATCH"):
            name = name or "a"
        path = self._path(definition, name if method != "POST" else "")
        if name and definition.subresources and pick((0, 0, 1)):
            known = [each.name for each in definition.subresources]
            path = self._path(definition, name) + "/" + pick((*known, *known, "x"))
        body, media_type = self._body(definition, method, name)
        headers = {"Content-Type": media_type, "Accept": pick(ACCEPTS)}
        query = self._query(method, media_type)
        return Request(method, f"{path}?{query}", body, headers)

    def _query(self, method: str, media_type: str) -> str:
        pick = self._random.choice
        query = {key: pick(QUERIES[key]) for key in QUERIES if self._random.random() < 0.03}
        if method != "GET" and self._random.random() < 0.6:
            query["dryRun"] = "All"
        if media_type == PATCHES[3] and self._random.random() < 0.9:
            query["fieldManager"] = pick(("m", "n"))
        if method == "GET" and pick((0, 0, 1)):
            query |= {"watch": pick(("1", "", "x")), "timeoutSeconds": "1"}
        return "&".join(f"{key}={quote(value)}" for key, value in query.items())

    def _path(self, definition: ResourceDefinition, name: str) -> str:
        base = f"/apis/{definition.group}" if definition.group else "/api"
        space = "/namespaces/default" if definition.namespaced else ""
        tail = f"/{name}" if name else ""
        return f"{base}/{definition.version}{space}/{definition.resource}{tail}"

    def _body(self, definition: ResourceDefinition, method: str, name: str) -> tuple[bytes, str]:
        if method == "GET":
            return b"", JSON
        document = self._document(definition)
        if method == "DELETE":
            document = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "x"},
                        "propagationPolicy": "Orphan", "gracePeriodSeconds": 1}  # fmt: skip
        if "metadata" in document:
            called = name or self._random.choice("abc")
            document["metadata"] = {"name": called, "labels": _LABELS}
        for _ in range(self._random.choice((0, 1, 1, 2, 5))):
            document = self._changed(document)
        media_type = self._random.choice((JSON, JSON, YAML, PROTOBUF))
        if method == "PATCH":
            media_type = self._random.choice(PATCHES)
            if media_type == PATCHES[0]:
                document = self._operations()
            elif media_type != PATCHES[3] and isinstance(document, dict):
                keys = self._random.sample(sorted(document), min(len(document), 2))
                document = {key: document[key] for key in keys}
        return self._noise(self._written(document, definition, media_type)), media_type

    def _written(self, document: Any, definition: ResourceDefinition, media_type: str) -> bytes:
        if media_type == PROTOBUF and isinstance(document, dict):
            type_ = struct_of_kind(definition.api_version, definition.kind)
            assert type_ is not None
            return protobuf.envelope(document, type_)
        if media_type == YAML:
            return yaml.dump(document, Dumper=yaml.CSafeDumper).encode("utf-8", "replace")
        return json.dumps(document).encode("utf-8", "replace")

    def _document(self, definition: ResourceDefinition) -> Any:
        kind = self._type(definition)
        valid = VALID.get(definition.kind)
        if valid is not None and self._random.random() < 0.8:
            return json.loads(json.dumps({**kind, "metadata": {}, **valid}))
        key = f"{definition.api_version}/{definition.kind}"
        if key not in self._documents:
            type_ = struct_of_kind(definition.api_version, definition.kind)
            assert type_ is not None
            self._documents[key] = json.dumps({**kind, **sample(type_)})
        document = json.loads(self._documents[key])
        return self._thinned(document, self._random.choice((0.0, 0.3, 0.7, 0.9)))

    def _thinned(self, value: Any, share: float) -> Any:
        """Return a value without some of its members, so that few mistakes hide the others."""
        if isinstance(value, dict):
            kept = ("apiVersion", "kind", "metadata", "spec")
            return {
                name: self._thinned(member, share)
                for name, member in value.items()
                if name in kept or self._random.random() >= share
            }
        return [self._thinned(item, share) for item in value] if isinstance(value, list) else value

    def _changed(self, value: Any) -> Any:
        """Return a value with one change, somewhere in it."""
        pick = self._random.choice
        if not isinstance(value, dict | list) or not value or self._random.random() < 0.1:
            return pick(HOSTILE)
        if isinstance(value, list):
            index = self._random.randrange(len(value))
            if pick((0, 0, 0, 1)):
                return value + [value[index]] * pick((1, 3, 300))
            return [*value[:index], self._changed(value[index]), *value[index + 1 :]]
        name = pick(sorted(value))
        match self._random.randrange(10):
            case 0:
                return {key: member for key, member in value.items() if key != name}
            case 1:
                return {**value, pick(HOSTILE_NAMES): pick(HOSTILE)}
            case _:
                return {**value, name: self._changed(value[name])}

    def _operations(self) -> list[Any]:
        pick = self._random.choice
        paths = ("", "/", "/metadata", "/metadata/labels/a", "/spec", "/spec/-", "/a/b", "x", "/~2")
        names = ("add", "remove", "replace", "move", "copy", "test", "x", "")
        operations: list[Any] = [
            {"op": pick(names), "path": pick(paths), "from": pick(paths), "value": pick(HOSTILE)}
            for _ in range(pick((0, 1, 2, 5)))
        ]
        return operations if pick((0, 0, 0, 1)) else [*operations, pick(HOSTILE)]

    def _noise(self, data: bytes) -> bytes:
        """Return bytes that are mostly the same: cut, or with something in their midst."""
        at = self._random.randrange(len(data) + 1)
        match self._random.randrange(12):
            case 0:
                return data[:at]
            case 1:
                return data[:at] + self._random.randbytes(3) + data[at + 1 :]
            case 2:
                return data[:at] + b"[" * self._random.choice((5, 300, 2000)) + data[at:]
            case 3:
                return data[:1] + b'"x":' + b"[" * 900 + b"]" * 900 + b',"x":1,' + data[1:]
            case _:
                return data
