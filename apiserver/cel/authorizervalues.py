"""The authorizer of expressions: ``authorizer.group('').resource('pods').check('get').allowed()``.

See "Authorizer library" in "CEL in Kubernetes". An evaluation does not wait: a check whose decision
is not known yet ends it with `DecisionNeeded`. It starts again once the decision is known; few
checks fit into the budget of an expression.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from apiserver.cel.errors import NO_OVERLOAD, EvaluationError
from apiserver.machinery.names import dns1123_label_problems, dns1123_subdomain_problems
from apiserver.machinery.valueclasses import valueclass


@valueclass
class Check:
    """A check by the authorizer.

    ``service_account`` is namespace and name of the account that it is about, ``None`` for the user
    of the request. A check with a path is about that, all others are about a resource.
    """

    cel_type: ClassVar[str] = "kubernetes.authorization.ResourceCheck"
    service_account: tuple[str, str] | None = None
    verb: str = ""
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""


@valueclass
class Decision:
    """The decision of the authorizer; ``error`` is why it could not decide, or ""."""

    cel_type: ClassVar[str] = "kubernetes.authorization.Decision"
    allowed: bool
    reason: str = ""
    error: str = ""


@dataclass(slots=True)
class Decisions:
    """The decisions known about one request."""

    known: dict[Check, Decision] = field(default_factory=dict)


class DecisionNeeded(Exception):
    """An evaluation needs a decision first. It is not an error of the expression."""

    def __init__(self, check: Check) -> None:
        super().__init__()
        self.check = check


@valueclass
class AuthorizerValue:
    """The value of ``authorizer``, or of one for a service account."""

    cel_type: ClassVar[str] = "kubernetes.authorization.Authorizer"
    decisions: Decisions
    service_account: tuple[str, str] | None = None


@valueclass
class GroupCheck:
    """``authorizer.group('apps')``."""

    cel_type: ClassVar[str] = "kubernetes.authorization.GroupCheck"
    authorizer: AuthorizerValue
    group: str


@valueclass
class PreparedCheck:
    """A check without its verb: ``authorizer.path('/healthz')``, ``….resource('pods')``."""

    authorizer: AuthorizerValue
    check: Check

    @property
    def cel_type(self) -> str:
        """The name of the type."""
        return "kubernetes.authorization.PathCheck" if self.check.path else Check.cel_type


def request_resource_check(decisions: Decisions, check: Check) -> PreparedCheck:
    """Return the value of ``authorizer.requestResource``."""
    return PreparedCheck(AuthorizerValue(decisions), check)


def _path(authorizer: Any, path: Any) -> PreparedCheck:
    _need(authorizer, AuthorizerValue, path)
    if not path.strip():
        raise EvaluationError("path must not be empty")
    return PreparedCheck(authorizer, Check(authorizer.service_account, path=path))


def _group(authorizer: Any, group: Any) -> GroupCheck:
    _need(authorizer, AuthorizerValue, group)
    return GroupCheck(authorizer, group)


def _service_account(authorizer: Any, namespace: Any, name: Any) -> AuthorizerValue:
    _need(authorizer, AuthorizerValue, namespace, name)
    if dns1123_subdomain_problems(name):
        raise EvaluationError("Invalid service account name")
    if dns1123_label_problems(namespace):
        raise EvaluationError("Invalid service account namespace")
    return AuthorizerValue(authorizer.decisions, (namespace, name))


def _resource(check: Any, resource: Any) -> PreparedCheck:
    _need(check, GroupCheck, resource)
    if not resource.strip():
        raise EvaluationError("resource must not be empty")
    account = check.authorizer.service_account
    return PreparedCheck(check.authorizer, Check(account, group=check.group, resource=resource))


def _setting(member: str) -> Callable[[Any, Any], PreparedCheck]:
    def set_member(check: Any, value: Any) -> PreparedCheck:
        _need(check, PreparedCheck, value)
        return PreparedCheck(check.authorizer, replace(check.check, **{member: value}))

    return set_member


def _check(check: Any, verb: Any) -> Decision:
    _need(check, PreparedCheck, verb)
    asked = replace(check.check, verb=verb)
    known: Decision | None = check.authorizer.decisions.known.get(asked)
    if known is None:
        raise DecisionNeeded(asked)
    return known


def _need(receiver: Any, kind: type, *texts: Any) -> None:
    if type(receiver) is not kind or any(type(text) is not str for text in texts):
        raise EvaluationError(NO_OVERLOAD)


def _decision_member(read: Callable[[Decision], Any]) -> Callable[[Any], Any]:
    def tell(decision: Any) -> Any:
        _need(decision, Decision)
        return read(decision)

    return tell


AUTHORIZER_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "path": _path,
    "group": _group,
    "serviceAccount": _service_account,
    "resource": _resource,
    "subresource": _setting("subresource"),
    "namespace": _setting("namespace"),
    "name": _setting("name"),
    "fieldSelector": _setting("field_selector"),
    "labelSelector": _setting("label_selector"),
    "check": _check,
    "allowed": _decision_member(lambda decision: decision.allowed),
    "reason": _decision_member(lambda decision: decision.reason),
    "error": _decision_member(lambda decision: decision.error),
    "errored": _decision_member(lambda decision: bool(decision.error)),
}
