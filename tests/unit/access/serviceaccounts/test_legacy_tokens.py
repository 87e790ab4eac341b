"""Tokens in Secrets: their use is noted, and they may be marked invalid."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.serviceaccounts.token_keys import KeyRing, new_private_pem
from apiserver.access.serviceaccounts.tokens import ServiceAccountTokens, TokenPolicy
from apiserver.machinery.legacytokens import day_of, parse_day
from apiserver.machinery.times import Clock

LAST_USED = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since"
NOON = 1_700_049_600  # 2023-11-15T12:00:00Z
DAY = 86_400


class Hands(Clock):
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = float(NOON)

    def time(self) -> float:
        return self.now


class Holder:
    """An account and a Secret with its token."""

    def __init__(self) -> None:
        self.clock = Hands()
        self.labelled: list[Mapping[str, str]] = []
        self.account = {"metadata": {"name": "robot", "namespace": "n", "uid": "robot-uid"}}
        metadata: dict[str, Any] = {"name": "s", "namespace": "n", "uid": "s-uid", "labels": {}}
        self.secret: dict[str, Any] = {"metadata": metadata}
        self.tokens = ServiceAccountTokens(
            KeyRing(new_private_pem()),
            TokenPolicy(("https://a",), ("https://a",)),
            self,  # type: ignore[arg-type]
            self.refresh,
            self.clock,
            self.label,
        )
        self.token = self.tokens.issue_legacy(self.account, self.secret)
        self.secret["data"] = {"token": base64.b64encode(self.token.encode()).decode()}

    def get(self, resource: Any, namespace: str, name: str) -> dict[str, Any] | None:
        found = {
            ("secrets", "n", "s"): self.secret,
            ("serviceaccounts", "n", "robot"): self.account,
        }
        return found.get((resource.resource, namespace, name))

    async def refresh(self) -> None:
        pass

    async def label(self, secret: Any, labels: Mapping[str, str]) -> None:
        assert secret is self.secret
        self.labelled.append(labels)

    @property
    def labels(self) -> dict[str, str]:
        found: dict[str, str] = self.secret["metadata"]["labels"]
        return found


@pytest.fixture
def holder() -> Holder:
    return Holder()


async def test_the_use_of_a_token_is_noted_once_a_day(holder: Holder) -> None:
    for _ in range(2):
        assert await holder.tokens.authenticate(holder.token) is not None
    assert holder.labelled == [{LAST_USED: "2023-11-15"}]
    holder.clock.now += DAY
    await holder.tokens.authenticate(holder.token)
    assert holder.labelled[1:] == [{LAST_USED: "2023-11-16"}]


@pytest.mark.parametrize(
    ("label", "noted"), [("2023-11-15", 0), ("2023-11-16", 0), ("2023-11-14", 1), ("x", 1)]
)
async def test_what_is_labelled_is_not_labelled_again(
    holder: Holder, label: str, noted: int
) -> None:
    holder.labels[LAST_USED] = label
    await holder.tokens.authenticate(holder.token)
    assert len(holder.labelled) == noted


async def test_a_token_that_is_marked_invalid_is_refused_and_its_use_noted(holder: Holder) -> None:
    holder.labels[INVALID_SINCE] = "2023-11-01"
    with pytest.raises(BadCredential) as refusal:
        await holder.tokens.authenticate(holder.token)
    assert str(refusal.value).startswith(
        "the token in secret n/s for service account n/robot has been marked invalid. Use tokens "
    )
    assert holder.labelled == [{LAST_USED: "2023-11-15"}]
    del holder.labels[INVALID_SINCE]
    assert await holder.tokens.authenticate(holder.token) is not None


async def test_a_token_that_its_secret_does_not_hold_is_not_noted(holder: Holder) -> None:
    holder.secret["data"] = {}
    with pytest.raises(BadCredential):
        await holder.tokens.authenticate(holder.token)
    assert not holder.labelled


@pytest.mark.parametrize(
    ("text", "valid"),
    [("2023-11-15", True), ("2023-W46-3", False), ("20231115", False), ("", False), ("x", False)],
)
def test_only_one_form_of_dates_counts(text: str, valid: bool) -> None:
    assert (parse_day(text) is not None) is valid
    assert day_of(NOON, days=-1) == "2023-11-14"
