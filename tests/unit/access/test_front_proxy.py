"""Proxies that name their clients."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from apiserver.access.authentication.authenticator import (
    BadCredential,
    Credentials,
    RequestAuthenticator,
)
from apiserver.access.authentication.front_proxy import FrontProxy, ProxyHeaders
from apiserver.access.authentication.x509 import Certificate
from apiserver.machinery.users import UserInfo

NAMES = ProxyHeaders(
    ("x-remote-user", "x-user"),
    ("x-remote-uid",),
    ("x-remote-group", "x-team"),
    ("x-remote-extra-",),
)
PROXIES, CLIENTS, BOTH = b"proxies", b"clients", b"both"
JANE = {"X-Remote-User": "jane"}


def certificate(anchor: bytes, name: str = "front-proxy") -> Certificate:
    return Certificate(((("commonName", name),),), b"der" + anchor, float("inf"), anchor)


def authenticator(*allowed: str) -> RequestAuthenticator:
    proxy = FrontProxy(NAMES, allowed)
    proxy.trust({PROXIES, BOTH}, {CLIENTS, BOTH})
    return RequestAuthenticator([], anonymous=True, front_proxy=proxy)


async def user_of(
    given: Certificate | None, headers: dict[str, str] | CIMultiDict[str], *allowed: str
) -> UserInfo:
    credentials = Credentials("", given, "/api", CIMultiDict(headers))
    return await authenticator(*allowed).authenticate(credentials)


async def test_a_proxy_names_all_of_a_user() -> None:
    headers = CIMultiDict([
        ("X-REMOTE-USER", "jane"),
        ("X-Remote-User", "second"),
        ("x-remote-uid", "7"),
        ("X-Remote-Group", "a"),
        ("X-Remote-Group", ""),
        ("X-Team", "c"),
        ("X-Remote-Group", "b"),
        ("X-Remote-Extra-Scopes", "read"),
        ("x-remote-extra-scopes", "write"),
        ("X-Remote-Extra-A.Example%2fTeam", "blue"),
        ("X-Remote-Extra-Odd%zz", "odd"),
    ])  # fmt: skip
    assert await user_of(certificate(PROXIES), headers) == UserInfo(
        "jane",
        uid="7",
        groups=("a", "b", "c", "system:authenticated"),
        extra={"scopes": ("read", "write"), "a.example/team": ("blue",), "odd%zz": ("odd",)},
    )


@pytest.mark.parametrize(
    ("given", "headers", "allowed", "name"),
    [
        (certificate(PROXIES), {"X-User": "joe"}, (), "joe"),
        (certificate(PROXIES), {"X-Remote-User": "", "X-User": "joe"}, (), "joe"),
        (certificate(PROXIES), JANE, ("front-proxy",), "jane"),
        (certificate(BOTH), JANE, (), "jane"),
        (certificate(BOTH), {}, (), "front-proxy"),
        (certificate(BOTH, "ann"), JANE, ("front-proxy",), "ann"),
        (certificate(CLIENTS, "ann"), JANE, (), "ann"),
        (None, JANE, (), "system:anonymous"),
    ],
)
async def test_who_is_asking(
    given: Certificate | None, headers: dict[str, str], allowed: tuple[str, ...], name: str
) -> None:
    assert (await user_of(given, headers, *allowed)).name == name


@pytest.mark.parametrize(
    ("given", "headers", "allowed", "error"),
    [
        (certificate(PROXIES), {}, (), "certificate signed by unknown authority"),
        (certificate(PROXIES), JANE, ("other",), "cn=front-proxy is not in the allowed list"),
        (certificate(b""), JANE, (), "certificate signed by unknown authority"),
    ],
)
async def test_certificates_that_do_not_count(
    given: Certificate, headers: dict[str, str], allowed: tuple[str, ...], error: str
) -> None:
    with pytest.raises(BadCredential, match=error):
        await user_of(given, headers, *allowed)
