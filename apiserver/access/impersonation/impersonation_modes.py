"""The modes of impersonation: which rights a user needs to act as another one.

KEP-5284, "Constrained Impersonation": in a constrained mode the user needs the verb
``impersonate:MODE`` on everything about the other user (its name, groups...), and also
``impersonate-on:MODE:VERB`` on what is requested. The legacy mode needs the verb ``impersonate``
alone, and then allows everything that the other user may do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import starmap
from typing import Final, Protocol

from apiserver.access.authorization.authorizer import AuthorizationAttributes
from apiserver.machinery.domainpaths import validate_domain_prefixed_path
from apiserver.machinery.fielderrors import aggregate
from apiserver.machinery.names import dns1123_label_problems, dns1123_subdomain_problems
from apiserver.machinery.quoting import quote
from apiserver.machinery.users import (
    ANONYMOUS,
    AUTHENTICATED,
    MASTERS,
    UNAUTHENTICATED,
    UserInfo,
)
from apiserver.machinery.valueclasses import valueclass

_AUTHENTICATION: Final = "authentication.k8s.io"
_NODE: Final = "system:node:"
_NODES: Final = "system:nodes"
_ACCOUNT: Final = re.compile("system:serviceaccount:([^:]*):([^:]*)")
_ACCOUNTS: Final = "system:serviceaccounts"
_NODE_OF_ACCOUNT: Final = "authentication.kubernetes.io/node-name"
# So many groups or extra values are first asked about all at once.
_MANY: Final = 4
_NO_MASTERS: Final = f"impersonating the {MASTERS} group is not allowed"


@valueclass
class Need:
    """A right that the user needs; with a ``refusal`` it is refused in any case.

    A right that stands for the next needs is not needed itself: who has it needs none of them.
    """

    attributes: AuthorizationAttributes
    refusal: str = ""
    stands_for: int = 0


class Mode(Protocol):
    """One way to become another user."""

    name: str

    def applies(self, user: UserInfo, wanted: UserInfo) -> bool:
        """Return whether the mode is for such a user."""
        ...

    def needs(self, request: AuthorizationAttributes, wanted: UserInfo) -> Iterator[Need]:
        """Yield the rights that the user of ``request`` needs, in the order of their checks."""
        ...

    def result(self, wanted: UserInfo) -> UserInfo:
        """Return the impersonated user."""
        ...


class _Constrained:
    """What the constrained modes share: the check of what is requested comes first."""

    def __init__(self, name: str) -> None:
        self.name = name

    def needs(self, request: AuthorizationAttributes, wanted: UserInfo) -> Iterator[Need]:
        yield Need(replace(request, verb=f"impersonate-on:{self.name}:{request.verb}"))
        yield from self.identity(request.user, wanted)

    def identity(self, user: UserInfo, wanted: UserInfo) -> Iterator[Need]:
        """Yield the rights on the identity of the wanted user."""
        raise NotImplementedError

    def _need(
        self, user: UserInfo, resource: str, name: str, *, namespace: str = "", key: str = ""
    ) -> Need:
        right = _right(user, f"impersonate:{self.name}", resource, name, namespace=namespace)
        return Need(replace(right, subresource=key) if key else right)


class _ArbitraryNode(_Constrained):
    def applies(self, user: UserInfo, wanted: UserInfo) -> bool:
        return bool(_node_of(wanted)) and _is_name_only(wanted)

    def identity(self, user: UserInfo, wanted: UserInfo) -> Iterator[Need]:
        yield self._need(user, "nodes", _node_of(wanted))

    def result(self, wanted: UserInfo) -> UserInfo:
        return replace(wanted, groups=(_NODES, AUTHENTICATED))


class _AssociatedNode(_ArbitraryNode):
    """The node that the user's own service account token is bound to."""

    def applies(self, user: UserInfo, wanted: UserInfo) -> bool:
        nodes = tuple(user.extra.get(_NODE_OF_ACCOUNT, ()))
        is_account = _account_of(user) is not None
        return is_account and _is_name_only(wanted) and nodes == (_node_of(wanted),)

    def identity(self, user: UserInfo, wanted: UserInfo) -> Iterator[Need]:
        # Which node it is does not matter: there is only one.
        yield self._need(user, "nodes", "*")


class _ServiceAccount(_Constrained):
    def applies(self, user: UserInfo, wanted: UserInfo) -> bool:
        return _account_of(wanted) is not None and _is_name_only(wanted)

    def identity(self, user: UserInfo, wanted: UserInfo) -> Iterator[Need]:
        account = _account_of(wanted)
        assert account is not None
        namespace, name = account
        yield self._need(user, "serviceaccounts", name, namespace=namespace)

    def result(self, wanted: UserInfo) -> UserInfo:
        return _with_groups(wanted)


class _User(_Constrained):
    def applies(self, user: UserInfo, wanted: UserInfo) -> bool:
        return not _node_of(wanted) and _account_of(wanted) is None

    def identity(self, user: UserInfo, wanted: UserInfo) -> Iterator[Need]:
        yield self._need(user, "users", wanted.name)
        if wanted.uid:
            yield self._need(user, "uids", wanted.uid)
        yield from self._groups(user, wanted.groups)
        yield from self._extra(user, wanted.extra)

    def _groups(self, user: UserInfo, groups: Sequence[str]) -> Iterator[Need]:
        if "" in groups:
            yield replace(self._need(user, "groups", ""), refusal=_empty("group"))
        if MASTERS in groups:
            yield replace(self._need(user, "groups", MASTERS), refusal=_NO_MASTERS)
        if len(groups) >= _MANY:
            yield replace(self._need(user, "groups", "*"), stands_for=len(groups))
        for group in groups:
            yield self._need(user, "groups", group)

    def _extra(self, user: UserInfo, extra: Mapping[str, Sequence[str]]) -> Iterator[Need]:
        refusal = next(filter(None, starmap(_extra_refusal, extra.items())), "")
        if refusal:
            yield replace(self._need(user, "userextras", ""), refusal=refusal)
        count = sum(map(len, extra.values()))
        if count >= _MANY:
            yield replace(self._need(user, "userextras", "*", key="*"), stands_for=count)
        for key, values in extra.items():
            for value in values:
                yield self._need(user, "userextras", value, key=key)

    def result(self, wanted: UserInfo) -> UserInfo:
        return _with_groups(wanted)


class _Legacy:
    """The unconstrained mode: one right to act as a user, whatever is requested."""

    def __init__(self) -> None:
        self.name = "legacy"

    def applies(self, user: UserInfo, wanted: UserInfo) -> bool:
        return True

    def needs(self, request: AuthorizationAttributes, wanted: UserInfo) -> Iterator[Need]:
        user, verb = request.user, "impersonate"
        account = _account_of(wanted)
        if account is None:
            yield Need(_right(user, verb, "users", wanted.name, group=""))
        else:
            namespace, name = account
            right = _right(user, verb, "serviceaccounts", name, group="", namespace=namespace)
            yield Need(right)
        if wanted.uid:
            yield Need(_right(user, verb, "uids", wanted.uid))
        for group in wanted.groups:
            yield Need(_right(user, verb, "groups", group, group=""))
        for key, values in wanted.extra.items():
            for value in values:
                right = _right(user, verb, "userextras", value)
                yield Need(replace(right, subresource=key))

    def result(self, wanted: UserInfo) -> UserInfo:
        return _with_groups(wanted)


MODES: Final[Sequence[Mode]] = (
    _AssociatedNode("associated-node"),
    _ArbitraryNode("arbitrary-node"),
    _ServiceAccount("serviceaccount"),
    _User("user-info"),
    _Legacy(),
)


def _right(
    user: UserInfo,
    verb: str,
    resource: str,
    name: str,
    *,
    group: str = _AUTHENTICATION,
    namespace: str = "",
) -> AuthorizationAttributes:
    return AuthorizationAttributes(
        user,
        verb,
        path="",
        is_resource_request=True,
        group=group,
        version="v1",
        resource=resource,
        namespace=namespace,
        name=name,
    )


def _node_of(user: UserInfo) -> str:
    node = user.name.removeprefix(_NODE) if user.name.startswith(_NODE) else ""
    return "" if dns1123_subdomain_problems(node) else node


def _account_of(user: UserInfo) -> tuple[str, str] | None:
    match = _ACCOUNT.fullmatch(user.name)
    if match is None:
        return None
    namespace, name = match.groups()
    if dns1123_label_problems(namespace) or dns1123_subdomain_problems(name):
        return None
    return namespace, name


def _extra_refusal(key: str, values: Sequence[str]) -> str:
    """Return why no constrained mode takes extra values of the user; empty if one may."""
    if not key:
        return _empty("key in extra")
    errors = validate_domain_prefixed_path(key, "extra.key")
    if errors:
        return f"impersonating an invalid key in extra is not allowed: {aggregate(errors)}"
    if key != key.lower():
        return f"impersonating a non-lowercase key in extra is not allowed: {quote(key)}"
    return _empty("value in extra") if "" in values else ""


def _empty(what: str) -> str:
    return f"impersonating the empty string {what} is not allowed"


def _is_name_only(user: UserInfo) -> bool:
    return not (user.uid or user.groups or user.extra)


def _with_groups(wanted: UserInfo) -> UserInfo:
    """Return the user with the groups that all users of its type have."""
    groups = wanted.groups
    account = _account_of(wanted)
    if account is not None and not groups:
        groups = (_ACCOUNTS, f"{_ACCOUNTS}:{account[0]}")
    if wanted.name == ANONYMOUS.name:
        if UNAUTHENTICATED not in groups:
            groups = (*groups, UNAUTHENTICATED)
    elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
        groups = (*groups, AUTHENTICATED)
    extra: Mapping[str, Sequence[str]] = wanted.extra
    return UserInfo(wanted.name, uid=wanted.uid, groups=groups, extra=extra)
