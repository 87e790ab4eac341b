"""Issuers from flags and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiserver.access.configuration_files import ConfigurationError
from apiserver.server.authentication_config import TokenAuthentication, token_authentication
from apiserver.server.authorization_config import configured_authorizers
from apiserver.server.config import Config, ConfigError
from apiserver.server.config_loading import load_config
from apiserver.server.issuers import configured_issuers

URL = "https://issuer.example"
FLAGS = {"oidc_issuer_url": URL, "oidc_client_id": "me"}


async def user_of(flags: dict[str, Any], claims: dict[str, Any]) -> Any:
    """Return the user that claims have by flags."""
    (tokens,) = configured_issuers(load_config({**FLAGS, **flags})).authenticators.mappers
    return tokens.user_of(claims)


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({}, f"{URL}#jane"),
        ({"oidc_username_prefix": "-"}, "jane"),
        ({"oidc_username_prefix": "p:"}, "p:jane"),
        ({"oidc_username_claim": "email"}, "j@a"),
        ({"oidc_username_claim": "email", "oidc_username_prefix": "p:"}, "p:j@a"),
        ({"oidc_username_claim": "nick"}, f"{URL}#jj"),
    ],
)
async def test_names_of_an_issuer_have_its_prefix(flags: dict[str, Any], name: str) -> None:
    user = await user_of(flags, {"sub": "jane", "email": "j@a", "nick": "jj"})
    assert (user.name, user.groups) == (name, ())


async def test_groups_and_required_claims() -> None:
    flags = {
        "oidc_groups_claim": "roles",
        "oidc_groups_prefix": "g:",
        "oidc_required_claim": ["a=1", "b=2,c=x=y"],
    }
    user = await user_of(flags, {"sub": "j", "roles": ["r"], "a": "1", "b": "2", "c": "x=y"})
    assert user.groups == ("g:r",)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"oidc_issuer_url": URL}, "must be specified together"),
        ({"oidc_client_id": "me"}, "must be specified together"),
        ({**FLAGS, "authentication_config": "file"}, "mutually exclusive"),
        ({**FLAGS, "oidc_signing_algs": "HS256"}, "HS256 is none of ES256"),
        ({**FLAGS, "oidc_required_claim": "a"}, "must be formatted as key=value"),
        ({**FLAGS, "oidc_ca_file": "/no/such"}, "no such file"),
    ],
)
def test_flags_that_contradict_are_refused(flags: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        load_config(flags)


@pytest.mark.parametrize("url", ["http://issuer.example", "https://kubernetes.default.svc"])
def test_an_issuer_that_cannot_be_trusted_is_refused(url: str) -> None:
    config = load_config({**FLAGS, "oidc_issuer_url": url})
    with pytest.raises(ConfigurationError, match=r"^jwt\[0\].issuer.url: Invalid value"):
        token_authentication(config, allows_all=False)


def authentication(config: Config) -> TokenAuthentication:
    modes = configured_authorizers(config).types
    return token_authentication(config, allows_all="AlwaysAllow" in modes)


def configured(tmp_path: Path, body: str) -> dict[str, str]:
    path = tmp_path / "authentication.yaml"
    kind = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
    path.write_text(kind + body)
    return {"authentication_config": str(path)}


@pytest.mark.parametrize(
    ("body", "flags", "anonymous", "paths"),
    [
        ("", {}, True, set()),
        ("", {"anonymous_auth": "false"}, False, set()),
        ("anonymous: {enabled: false}", {}, False, set()),
        ("anonymous: {enabled: true, conditions: [{path: /a}]}", {}, True, {"/a"}),
        ("anonymous: {enabled: true}", {"authorization_mode": "AlwaysAllow"}, False, set()),
    ],
)
def test_who_is_anonymous(
    tmp_path: Path, body: str, flags: dict[str, Any], anonymous: bool, paths: set[str]
) -> None:
    found = authentication(load_config({**configured(tmp_path, body), **flags}))
    assert (found.anonymous, set(found.anonymous_paths)) == (anonymous, paths)


def test_a_flag_and_a_file_do_not_both_say_who_is_anonymous(tmp_path: Path) -> None:
    flags = configured(tmp_path, "anonymous: {enabled: true}")
    with pytest.raises(ConfigurationError, match="--anonymous-auth flag cannot be set"):
        authentication(load_config({**flags, "anonymous_auth": "true"}))


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    flags = configured(tmp_path, "jwt: [{}]")
    with pytest.raises(ConfigurationError, match=r"^/.*/authentication.yaml: \[jwt\[0\]"):
        authentication(load_config(flags))
