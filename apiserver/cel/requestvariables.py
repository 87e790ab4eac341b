"""Expressions about requests: of admission policies, and of the match conditions of webhooks.

See "Validation expression" in the documentation of ValidatingAdmissionPolicy for the variables.
"""

from __future__ import annotations

import re
from typing import Final

from apiserver.cel.compilation import Environment, Program
from apiserver.cel.descriptors import DYNAMIC, SchemaTypes
from apiserver.cel.errors import CompileError

_GROUP_VERSION: Final = {"group": "string", "version": "string"}
_LABELS: Final = "map<string,string>"
_MESSAGES: Final = {
    "UserInfo": {
        "username": "string", "uid": "string", "groups": "list<string>",
        "extra": "map<string,list<string>>",
    },
    "GroupVersionKind": {**_GROUP_VERSION, "kind": "string"},
    "GroupVersionResource": {**_GROUP_VERSION, "resource": "string"},
    "AdmissionRequest": {
        "kind": "GroupVersionKind", "resource": "GroupVersionResource", "subResource": "string",
        "requestKind": "GroupVersionKind", "requestResource": "GroupVersionResource",
        "requestSubResource": "string", "name": "string", "namespace": "string",
        "operation": "string", "userInfo": "UserInfo", "dryRun": "bool", "options": DYNAMIC,
    },
    "NamespaceMeta": {
        "name": "string", "generateName": "string", "namespace": "string", "labels": _LABELS,
        "annotations": _LABELS, "UID": "string", "creationTimestamp": "timestamp",
        "deletionGracePeriodSeconds": "int", "deletionTimestamp": "timestamp",
        "generation": "int", "resourceVersion": "string", "finalizers": "list<string>",
    },
    "NamespaceSpec": {"finalizers": "list<string>"},
    "NamespaceStatus": {"phase": "string"},
    "Namespace": {
        "metadata": "NamespaceMeta", "spec": "NamespaceSpec", "status": "NamespaceStatus",
    },
}  # fmt: skip
_VARIABLES: Final = "Variables"
# The types that a field of a message can have; all others are not known to the checker.
_FIELD: Final = re.compile(r"[a-z]+|list<[a-z]+>|map<string,[a-z]+>")


class RequestExpressions:
    """Compiles expressions about a request, those of the variables of a policy among them.

    A variable may be used from its declaration on. ``composes``: there are such variables.
    """

    def __init__(self, *, has_params: bool = False, composes: bool = False) -> None:
        self._declared = {
            "object": DYNAMIC, "oldObject": DYNAMIC, "request": "AdmissionRequest",
            "namespaceObject": "Namespace", "authorizer": DYNAMIC,
        }  # fmt: skip
        if has_params:
            self._declared["params"] = DYNAMIC
        if composes:
            self._declared["variables"] = _VARIABLES
        self._variables: dict[str, str] = {}
        self._environment: Environment | None = None

    def declare(self, name: str, type_: str) -> None:
        """Add a variable of the policy."""
        self._variables[name] = type_ if _FIELD.fullmatch(type_) else DYNAMIC
        self._environment = None

    def compile(self, source: str, *types: str) -> Program:
        """Compile an expression whose value has one of these types. Raises CompileError."""
        if self._environment is None:
            messages = {**_MESSAGES, _VARIABLES: self._variables}
            self._environment = Environment(SchemaTypes(None, messages=messages), self._declared)
        program = self._environment.compile(source)
        if types and program.type not in types:
            needed = types[0] if len(types) == 1 else f"one of [{' '.join(types)}]"
            raise CompileError(f"must evaluate to {needed} but got {_shown(program.type)}")
        return program


def _shown(type_: str) -> str:
    return type_.replace("<", "(").replace(">", ")").replace(",", ", ")
