"""The authorizer interface, and the wording of a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

from apiserver.machinery.fieldselectors import FieldSelector
from apiserver.machinery.quoting import quote
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass


# Not frozen: it is created for every request, and frozen dataclasses are slower to create.
@dataclass(slots=True)
class AuthorizationAttributes:
    """A request to authorize. For a non-resource request only user, verb and path count."""

    user: UserInfo
    verb: str
    path: str
    is_resource_request: bool
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    #: The conditions on fields of a list, watch or deletecollection.
    fields: FieldSelector | None = None
    #: The conditions on labels of such a request, as a selector that is not parsed.
    labels: str = ""


class Verdict(Enum):
    """ALLOW and DENY are final; NO_OPINION leaves the decision to the next authorizer."""

    ALLOW = auto()
    DENY = auto()
    NO_OPINION = auto()


@valueclass
class AuthorizationDecision:
    """A verdict and its reason; ``error`` is why an authorizer could not decide."""

    verdict: Verdict
    reason: str = ""
    error: str = ""


ALLOWED: Final = AuthorizationDecision(Verdict.ALLOW)
NO_OPINION: Final = AuthorizationDecision(Verdict.NO_OPINION)


class Authorizer(Protocol):
    """Decides whether a request is allowed."""

    async def authorize(self, attributes: AuthorizationAttributes) -> AuthorizationDecision:
        """Return the decision on a request."""
        ...


def forbidden_message(attributes: AuthorizationAttributes, reason: str) -> str:
    """Return the text that follows ``is forbidden:``."""
    user = escaped(quote(attributes.user.name))
    if attributes.is_resource_request:
        asked = _resource_request(attributes)
    else:
        asked = f"cannot {attributes.verb} path {quote(attributes.path)}"
    text = f"User {user} {escaped(asked)}"
    return f"{text}: {reason}" if reason else text


def _resource_request(attributes: AuthorizationAttributes) -> str:
    resource = attributes.resource
    if attributes.subresource:
        resource += "/" + attributes.subresource
    where = (
        f"in the namespace {quote(attributes.namespace)}"
        if attributes.namespace
        else "at the cluster scope"
    )
    return (
        f"cannot {attributes.verb} resource {quote(resource)} "
        f"in API group {quote(attributes.group)} {where}"
    )


def escaped(text: str) -> str:
    """Return a text whose characters cannot be taken for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
