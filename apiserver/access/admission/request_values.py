"""The variables of expressions about a write: `request`, `object`, `namespaceObject` and others.

See "Validation expression" in the documentation of ValidatingAdmissionPolicy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apiserver.access.admission.admission_request import MatchedRequest, admission_request
from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.cel.errors import EvaluationError
from apiserver.cel.requestevaluation import RequestValues
from apiserver.cel.timevalues import parse_timestamp
from apiserver.client.client import Reader
from apiserver.machinery.builtin_resources import NAMESPACES
from apiserver.machinery.objects import Object

_UNSEEN: Final = frozenset(["managedFields", "ownerReferences", "selfLink"])
_TIMES: Final = ("creationTimestamp", "deletionTimestamp")


def request_values(
    attributes: AdmissionAttributes,
    matched: MatchedRequest,
    namespace: Object | None,
    authorizers: Mapping[str, Any],
) -> RequestValues:
    """Return the values of the variables; ``namespace`` is that of the object, if it has one."""
    return RequestValues(
        matched.object,
        matched.old_object,
        {"uid": "", **admission_request(attributes, matched)},
        None if namespace is None else _namespace(namespace),
        authorizers=authorizers,
    )


def namespace_of_request(attributes: AdmissionAttributes, reader: Reader) -> Object | None:
    """Return the namespace that is `namespaceObject`: a Namespace itself has none."""
    if not attributes.namespace or attributes.gvr == NAMESPACES:
        return None
    return reader.get(NAMESPACES, "", attributes.namespace)


def _namespace(namespace: Object) -> dict[str, Any]:
    metadata = {name: value for name, value in namespace["metadata"].items() if name not in _UNSEEN}
    for name in _TIMES:
        if name in metadata:
            metadata[name] = _time(metadata[name])
    status = dict(namespace.get("status") or {})
    if status.get("conditions"):
        status["conditions"] = [_condition(each) for each in status["conditions"]]
    return {"metadata": metadata, "spec": namespace.get("spec") or {}, "status": status}


def _condition(condition: dict[str, Any]) -> dict[str, Any]:
    times = {k: _time(v) for k, v in condition.items() if k == "lastTransitionTime"}
    return {**condition, **times}


def _time(text: Any) -> Any:
    try:
        return parse_timestamp(text) if type(text) is str else text
    except EvaluationError:
        return text
