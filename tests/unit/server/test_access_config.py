"""Keys of ServiceAccount tokens: given, or made and kept."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from apiserver.access.serviceaccounts.token_keys import KeyRing, new_private_pem
from apiserver.server.access_config import KeyFileError, access_factory, load_or_create_key
from apiserver.server.config import ConfigError
from apiserver.server.config_loading import load_config


def test_a_key_of_our_own_is_made_once_and_private(tmp_path: Path) -> None:
    path = load_or_create_key(tmp_path / "certificates")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    pem = path.read_bytes()
    assert KeyRing(pem).signing.algorithm == "ES256"
    assert load_or_create_key(tmp_path / "certificates").read_bytes() == pem


@pytest.mark.parametrize(
    ("flag", "text"),
    [
        ("service_account_signing_key_file", "no key"),
        (
            "service_account_signing_key_file",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ),
        ("service_account_key_file", "no key"),
    ],
)
def test_a_file_without_a_key_is_refused_at_the_start(tmp_path: Path, flag: str, text: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    config = load_config({"data_dir": str(tmp_path), flag: str(path)})
    with pytest.raises(KeyFileError, match=f"^{path}: it holds no "):
        access_factory(config)


def test_a_given_key_is_used_and_no_other_made(tmp_path: Path) -> None:
    path = tmp_path / "given.key"
    path.write_bytes(new_private_pem())
    access_factory(
        load_config({"data_dir": str(tmp_path), "service_account_signing_key_file": str(path)})
    )
    assert [each.name for each in tmp_path.iterdir()] == ["given.key"]


@pytest.mark.parametrize("time", ["30m", "1500000h"])
def test_tokens_cannot_be_made_to_live_too_short_or_for_ever(time: str) -> None:
    with pytest.raises(ConfigError, match="between 1h and"):
        load_config({"service_account_max_token_expiration": time})
