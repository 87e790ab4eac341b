"""Tokens of an issuer: which are accepted, and how its keys are followed."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.authentication.oidc.authentication_configuration import (
    ClaimMappings,
    ClaimOrExpression,
    Issuer,
    JWTAuthenticator,
)
from apiserver.access.authentication.oidc.claim_mapping import ClaimMapper
from apiserver.access.authentication.oidc.http_documents import FetchError
from apiserver.access.authentication.oidc.jwt_authenticators import JWTAuthenticators
from apiserver.access.authentication.oidc.remote_key_set import RemoteKeySet
from apiserver.access.authentication.signed_tokens import SIGNING_ALGORITHMS
from tests.token_issuer import AUDIENCE, SigningKey, TokenIssuer
from tests.waiting import PATIENCE, eventually

URL = "https://issuer.example"
KEY = SigningKey("first")


class Documents:
    """The documents of an issuer, without a network; ``error`` is why there are none."""

    def __init__(self, issuer: TokenIssuer) -> None:
        self.issuer = issuer
        self.error = ""

    async def fetch(self, url: str) -> Any:
        await asyncio.sleep(0)
        if self.error:
            raise FetchError(self.error)
        return self.issuer.document(url.removeprefix(self.issuer.url))

    async def close(self) -> None:
        pass


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def mapper(url: str = URL, **members: Any) -> ClaimMapper:
    issuer = Issuer(url, audiences=(AUDIENCE, "other"), **members)
    return ClaimMapper(JWTAuthenticator(issuer, ClaimMappings(ClaimOrExpression("sub", ""))))


@asynccontextmanager
async def trusting(documents: Documents, *mappers: ClaimMapper) -> AsyncIterator[JWTAuthenticators]:
    providers = []

    def connect(given: ClaimMapper) -> RemoteKeySet:
        providers.append(RemoteKeySet(given.configuration.issuer, documents, sleep=at_once))
        return providers[-1]

    authenticators = JWTAuthenticators(mappers or [mapper()], connect)
    async with authenticators.running():
        if not documents.error:
            await asyncio.gather(*(provider.ready.wait() for provider in providers))
        yield authenticators


async def refusal(authenticators: JWTAuthenticators, token: str) -> str:
    with pytest.raises(BadCredential) as error:
        await authenticators.authenticate(token)
    return str(error.value)


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
async def test_a_token_of_each_algorithm_is_accepted(algorithm: str) -> None:
    issuer = TokenIssuer(URL, SigningKey("k", algorithm))
    async with trusting(Documents(issuer)) as authenticators:
        user = await authenticators.authenticate(issuer.token())
        assert user is not None
        assert user.name == "jane"


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "else"}, 'expected audience in ["the-cluster" "other"] got ["else"]'),
        ({"aud": None}, 'expected audience in ["the-cluster" "other"] got []'),
        ({"exp": 100}, "token is expired (Token Expiry: 1970-01-01 00:01:40 +0000 UTC)"),
        ({"exp": None}, "token is expired (Token Expiry: 1970-01-01 00:00:00 +0000 UTC)"),
        ({"exp": -1e300}, "token is expired (Token Expiry: "),
        ({"exp": "soon"}, "failed to unmarshal claims: exp is not a time"),
        ({"nbf": 1e12}, "current time "),
    ],
)
async def test_claims_that_are_refused(claims: dict[str, Any], error: str) -> None:
    issuer = TokenIssuer(URL, KEY)
    async with trusting(Documents(issuer)) as authenticators:
        given = await refusal(authenticators, issuer.token(**claims))
        assert given.startswith(f"oidc: verify token: oidc: {error}")


@pytest.mark.parametrize("claims", [{"aud": ["x", "other"]}, {"nbf": 0}, {"iss": URL, "n": 1.5}])
async def test_claims_that_are_accepted(claims: dict[str, Any]) -> None:
    issuer = TokenIssuer(URL, KEY)
    async with trusting(Documents(issuer)) as authenticators:
        assert await authenticators.authenticate(issuer.token(**claims)) is not None


@pytest.mark.parametrize(
    "token",
    ["", "abc", "a.b.c", "...", "e30.e30.e30", TokenIssuer("https://else.example", KEY).token()],
)
async def test_other_tokens_are_left_to_others(token: str) -> None:
    async with trusting(Documents(TokenIssuer(URL, KEY))) as authenticators:
        assert await authenticators.authenticate(token) is None


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


async def test_tokens_with_other_signatures_are_refused() -> None:
    issuer = TokenIssuer(URL, KEY)
    claims = issuer.claims()
    public = KEY.document
    forged = [
        SigningKey("first").sign(claims),
        SigningKey("first", "RS256").sign(claims),
        KEY.sign(claims, kid="else"),
        KEY.sign(claims, crit=["exp"]),
        unsigned({"alg": "none"}, claims),
        unsigned({"alg": "ES256", "kid": 5}, claims),
        unsigned({"alg": ["ES256"]}, claims),
        unsigned({}, claims),
        # The public key as the secret of a symmetric signature.
        jwt.encode(claims, public["x"] * 2, algorithm="HS256", headers={"kid": "first"}),
        issuer.token()[:-4] + "AAAA",
    ]
    async with trusting(Documents(issuer)) as authenticators:
        for token in forged:
            assert (await refusal(authenticators, token)).startswith("oidc: verify token: ")


async def test_changed_tokens_are_refused() -> None:
    chance = random.Random(7)
    issuer = TokenIssuer(URL, KEY)
    token = issuer.token()
    async with trusting(Documents(issuer)) as authenticators:
        for _ in range(300):
            place = chance.randrange(len(token) - 2)
            other = chance.choice("".join({*"AZaz09-_.=+ \u00e9"} - {token[place]}))
            changed = token[:place] + other + token[place + 1 :]
            try:
                assert await authenticators.authenticate(changed) is None
            except BadCredential:
                continue


async def test_a_new_key_is_known_with_the_first_token_that_it_signs() -> None:
    issuer = TokenIssuer(URL, KEY)
    async with trusting(Documents(issuer)) as authenticators:
        old = issuer.token(sub="old")
        assert await authenticators.authenticate(old) is not None
        issuer.keys = [SigningKey("second")]
        assert await authenticators.authenticate(issuer.token()) is not None
        # What was accepted counts for some seconds; what was not is no longer.
        assert "failed to verify" in await refusal(authenticators, KEY.sign(issuer.claims()))


async def test_a_flood_of_bad_tokens_is_one_fetch_at_a_time() -> None:
    issuer = TokenIssuer(URL, KEY)
    async with trusting(Documents(issuer)) as authenticators:
        issuer.asked.clear()
        tokens = [KEY.sign(issuer.claims(), kid=f"k{number}") for number in range(50)]
        results = await asyncio.gather(
            *(authenticators.authenticate(token) for token in tokens), return_exceptions=True
        )
        assert all(isinstance(result, BadCredential) for result in results)
        assert len(issuer.asked) <= 3


async def test_until_the_issuer_answers_its_tokens_are_refused() -> None:
    issuer = TokenIssuer(URL, KEY)
    documents = Documents(issuer)
    documents.error = "connection refused"
    async with trusting(documents) as authenticators:
        token = issuer.token()
        assert await refusal(authenticators, token) == "oidc: authenticator not initialized"
        documents.error = ""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    assert await authenticators.authenticate(token) is not None
                except BadCredential:
                    await asyncio.sleep(0)
                else:
                    break


async def test_an_issuer_that_calls_itself_otherwise_is_not_trusted() -> None:
    issuer = TokenIssuer("https://else.example", KEY)
    documents = Documents(issuer)
    provider = RemoteKeySet(
        Issuer(URL, discovery_url="https://else.example/.well-known/openid-configuration"),
        documents,
        sleep=at_once,
    )
    provider.start()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not provider.ready.is_set()
    await provider.close()


async def test_the_discovery_document_may_be_elsewhere() -> None:
    issuer = TokenIssuer(URL, KEY)
    where = f"{URL}/.well-known/openid-configuration"
    async with trusting(Documents(issuer), mapper(discovery_url=where)) as authenticators:
        assert await authenticators.authenticate(issuer.token()) is not None
    assert issuer.asked[0] == "/.well-known/openid-configuration"


async def test_a_configuration_is_replaced_when_its_issuers_answer() -> None:
    issuer = TokenIssuer(URL, KEY)
    documents = Documents(issuer)
    async with trusting(documents) as authenticators:
        token = issuer.token()
        assert await authenticators.authenticate(token) is not None
        documents.error = "gone"
        authenticators.replace([])
        await eventually(lambda: not authenticators.mappers)
        assert await authenticators.authenticate(token) is None


async def test_a_configuration_whose_issuers_do_not_answer_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    where = "apiserver.access.authentication.oidc.jwt_authenticators.REPLACEMENT_TIMEOUT"
    monkeypatch.setattr(where, 0.02)
    issuer = TokenIssuer(URL, KEY)
    documents = Documents(issuer)
    async with trusting(documents) as authenticators:
        documents.error = "gone"
        authenticators.replace([mapper("https://new.example")])
        await eventually(lambda: "previous configuration stays in effect" in caplog.text)
        assert await authenticators.authenticate(issuer.token()) is not None


class SlowDocuments(Documents):
    """Documents that do not come as long as they are held back."""

    def __init__(self, issuer: TokenIssuer) -> None:
        super().__init__(issuer)
        self.held = asyncio.Event()
        self.free = True

    async def fetch(self, url: str) -> Any:
        if not self.free:
            self.held.set()
            await asyncio.Event().wait()
        return await super().fetch(url)


async def test_a_token_whose_keys_are_fetched_is_refused_when_its_issuer_is_removed() -> None:
    issuer = TokenIssuer(URL, KEY)
    documents = SlowDocuments(issuer)
    async with trusting(documents) as authenticators:
        documents.free = False
        asking = asyncio.create_task(
            authenticators.authenticate(SigningKey("x").sign(issuer.claims()))
        )
        await documents.held.wait()
        authenticators.replace([])
        with pytest.raises(BadCredential, match="fetching keys the configuration"):
            await asking
