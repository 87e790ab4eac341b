"""Expressions about requests: of admission policies, and of the match conditions of webhooks.

See "Validation expression" in the documentation of ValidatingAdmissionPolicy for the variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from apiserver.cel.compilation import Environment, Program
from apiserver.cel.declarations import AUTHORIZER, RESOURCE_CHECK
from apiserver.cel.descriptors import DYNAMIC, SchemaTypes
from apiserver.cel.errors import CompileError
from apiserver.cel.objecttypes import PatchSource
from apiserver.schema.structural import Schema

_GROUP_VERSION: Final = {"group": "string", "version": "string"}
_LABELS: Final = "map<string,string>"
_MESSAGES: Final = {
    "kubernetes.UserInfo": {
        "username": "string", "uid": "string", "groups": "list<string>",
        "extra": "map<string,list<string>>",
    },
    "kubernetes.GroupVersionKind": {**_GROUP_VERSION, "kind": "string"},
    "kubernetes.GroupVersionResource": {**_GROUP_VERSION, "resource": "string"},
    "kubernetes.AdmissionRequest": {
        "kind": "kubernetes.GroupVersionKind", "resource": "kubernetes.GroupVersionResource",
        "subResource": "string", "requestKind": "kubernetes.GroupVersionKind",
        "requestResource": "kubernetes.GroupVersionResource", "requestSubResource": "string",
        "name": "string", "namespace": "string", "operation": "string",
        "userInfo": "kubernetes.UserInfo", "dryRun": "bool", "options": DYNAMIC,
    },
    "kubernetes.NamespaceMetadata": {
        "name": "string", "generateName": "string", "namespace": "string", "labels": _LABELS,
        "annotations": _LABELS, "UID": "string", "creationTimestamp": "timestamp",
        "deletionGracePeriodSeconds": "int", "deletionTimestamp": "timestamp",
        "generation": "int", "resourceVersion": "string", "finalizers": "list<string>",
    },
    "kubernetes.NamespaceSpec": {"finalizers": "list<string>"},
    "kubernetes.NamespaceCondition": {
        "status": "string", "type": "string", "lastTransitionTime": "timestamp",
        "message": "string", "reason": "string",
    },
    "kubernetes.NamespaceStatus": {
        "conditions": "list<kubernetes.NamespaceCondition>", "phase": "string",
    },
    "kubernetes.Namespace": {
        "metadata": "kubernetes.NamespaceMetadata", "spec": "kubernetes.NamespaceSpec",
        "status": "kubernetes.NamespaceStatus",
    },
}  # fmt: skip
_AUTHORIZERS: Final = {"authorizer": AUTHORIZER, "authorizer.requestResource": RESOURCE_CHECK}
_VARIABLES: Final = "kubernetes.variables"
# The types that a field of a message can have; all others are not known to the checker.
_FIELD: Final = re.compile(r"[a-z]+|list<[a-z]+>|map<string,[a-z]+>")

_TIME: Final = re.compile(r"\b(?<!\.)(?:duration|timestamp)\b")


class RequestExpressions:
    """Compiles expressions about a request, those of the variables of a policy among them.

    A variable may be used from its declaration on. ``composes``: there are such variables.
    ``schemas`` are those of `object` and `params`, where they are known.
    """

    def __init__(
        self,
        *,
        has_params: bool = False,
        composes: bool = False,
        schemas: Mapping[str, Schema] = MappingProxyType({}),
    ) -> None:
        self._schemas = schemas
        self._declared = {
            "object": DYNAMIC, "oldObject": DYNAMIC, "request": "kubernetes.AdmissionRequest",
            "namespaceObject": "kubernetes.Namespace",
        }  # fmt: skip
        if has_params:
            self._declared["params"] = DYNAMIC
        if composes:
            self._declared["variables"] = _VARIABLES
        self._variables: dict[str, str] = {}
        self._environments: dict[bool, Environment] = {}

    def declare(self, name: str, type_: str) -> None:
        """Add a variable of the policy."""
        self._variables[name] = type_ if _FIELD.fullmatch(type_) else DYNAMIC
        self._environments.clear()

    def compile(self, source: str, *types: str, authorizes: bool = True) -> Program:
        """Compile an expression whose value has one of these types. Raises CompileError.

        ``authorizes``: it may ask the authorizer.
        """
        environment = self._environments.get(authorizes)
        if environment is None:
            environment = self._environment({}, authorizes=authorizes)
            self._environments[authorizes] = environment
        return _of_type(environment.compile(source), types)

    def compile_patch(self, source: str, type_: str) -> Program:
        """Compile an expression that makes objects: any type of them, with any members."""
        seen = PatchSource.of(source)
        environment = self._environment(seen.messages, authorizes=True)
        return _of_type(environment.compile(seen.text, seen.names), (type_,))

    def _environment(
        self, messages: Mapping[str, Mapping[str, str]], *, authorizes: bool
    ) -> Environment:
        types = SchemaTypes(
            None,
            messages={**_MESSAGES, _VARIABLES: self._variables, **messages},
            others=self._schemas.values(),
        )
        declared = self._declared | (_AUTHORIZERS if authorizes else {})
        for name, schema in self._schemas.items():
            declared[name] = types.name_of(schema) or DYNAMIC
        return Environment(types, declared, patches=bool(messages))


def _of_type(program: Program, types: tuple[str, ...]) -> Program:
    if types and program.type not in types:
        needed = f"one of [{' '.join(types)}]" if len(types) > 1 else _shown(types[0])
        raise CompileError(f"must evaluate to {needed} but got {_shown(program.type)}")
    return program.instantiated()


def _shown(type_: str) -> str:
    shown = type_.replace("<", "(").replace(">", ")").replace(",", ", ")
    return _TIME.sub(lambda found: f"google.protobuf.{found[0].capitalize()}", shown)
