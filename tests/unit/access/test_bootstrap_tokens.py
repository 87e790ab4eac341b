"""Bootstrap tokens in Secrets of kube-system."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from apiserver.access.authentication.bootstrap_tokens import BootstrapTokens
from apiserver.machinery.objects import Object
from apiserver.machinery.times import Clock
from apiserver.machinery.users import UserInfo

TOKEN = "abcdef.0123456789abcdef"
GOOD = {
    "token-id": "abcdef",
    "token-secret": "0123456789abcdef",
    "usage-bootstrap-authentication": "true",
}


class Noon(Clock):
    """It is 2030-01-01T12:00:00Z."""

    def time(self) -> float:
        return 1893499200.0


class Secrets:
    """A reader of one Secret."""

    def __init__(self, given: dict[str, str], **members: Any) -> None:
        encoded = {key: b64encode(value.encode()).decode() for key, value in given.items()}
        self.secret = {
            "metadata": {"name": "bootstrap-token-abcdef"},
            "type": "bootstrap.kubernetes.io/token",
            "data": encoded,
            **members,
        }

    def get(self, _: object, namespace: str, name: str) -> Object | None:
        found = (namespace, name) == ("kube-system", "bootstrap-token-abcdef")
        return self.secret if found else None


async def user_of(secrets: Secrets, token: str = TOKEN) -> UserInfo | None:
    async def refresh() -> None:
        pass

    return await BootstrapTokens(secrets, refresh, Noon()).authenticate(token)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("more", "groups"),
    [
        ({}, ("system:bootstrappers",)),
        ({"expiration": "2030-01-01T12:00:01Z"}, ("system:bootstrappers",)),
        ({"expiration": "2030-01-01T14:00:01.5+02:00"}, ("system:bootstrappers",)),
        (
            {"auth-extra-groups": "system:bootstrappers:z,system:bootstrappers:a:b-c"},
            ("system:bootstrappers", "system:bootstrappers:a:b-c", "system:bootstrappers:z"),
        ),
    ],
)
async def test_a_token_is_a_user(more: dict[str, str], groups: tuple[str, ...]) -> None:
    assert await user_of(Secrets({**GOOD, **more})) == UserInfo(
        "system:bootstrap:abcdef", groups=groups
    )


@pytest.mark.parametrize(
    "more",
    [
        {"token-secret": "0123456789abcdee"},
        {"token-secret": ""},
        {"token-id": "abcdee"},
        {"usage-bootstrap-authentication": "True"},
        {"expiration": "2030-01-01T12:00:00Z"},
        {"expiration": "tomorrow"},
        {"auth-extra-groups": "system:masters"},
        {"auth-extra-groups": "system:bootstrappers:"},
        {"auth-extra-groups": "system:bootstrappers:a,"},
    ],
)
async def test_a_token_that_does_not_count(more: dict[str, str]) -> None:
    assert await user_of(Secrets({**GOOD, **more})) is None


@pytest.mark.parametrize(
    "members",
    [
        {"type": "Opaque"},
        {"data": None},
        {"data": {"token-secret": "*"}},
        {"metadata": {"name": "bootstrap-token-abcdef", "deletionTimestamp": "x"}},
    ],
)
async def test_a_secret_that_does_not_count(members: dict[str, Any]) -> None:
    assert await user_of(Secrets(GOOD, **members)) is None


@pytest.mark.parametrize(
    "token", ["", "abcdef.0123456789abcde", "ABCDEF.0123456789abcdef", "ghijkl.0123456789abcdef"]
)
async def test_other_tokens_are_left_to_others(token: str) -> None:
    assert await user_of(Secrets(GOOD), token) is None


async def test_a_token_that_another_server_has_made_is_found() -> None:
    secrets = Secrets(GOOD)
    stored, secrets.secret = secrets.secret, {"metadata": {}}

    async def refresh() -> None:
        secrets.secret = stored

    tokens = BootstrapTokens(secrets, refresh, Noon())  # type: ignore[arg-type]
    assert await tokens.authenticate(TOKEN) is not None
