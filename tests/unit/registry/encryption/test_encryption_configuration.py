"""EncryptionConfiguration: valid files, and the error for an invalid one."""

from __future__ import annotations

import pytest

from apiserver.access.configuration_files import ConfigurationError
from apiserver.registry.encryption.encryption_configuration import load_encryption_configuration

HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n"
SECRET = "AAECAwQFBgcICQoLDA0ODw=="
KEY = f"{{name: k, secret: {SECRET}}}"
IDENTITY = "[{identity: {}}]"
KMS = "{apiVersion: v2, name: p, endpoint: 'unix:///p.sock'}"


def one(providers: str, resources: str = "[secrets]") -> str:
    return f"{HEAD}resources: [{{resources: {resources}, providers: {providers}}}]"


@pytest.mark.parametrize(
    "text",
    [
        one(IDENTITY),
        one(f"[{{aescbc: {{keys: [{KEY}]}}}}, {{identity: {{}}}}]"),
        one(f"[{{aesgcm: {{keys: [{KEY}, {KEY}]}}}}]", "['*.', '*.apps', widgets.example.com]"),
        one(f"[{{kms: {KMS}}}]", "['*.*']"),
        one(f"[{{kms: {KMS[:-1]}, timeout: 1m30s}}}}]"),
        one(IDENTITY, "[secrets, secrets.example.com]"),
    ],
)
def test_valid_ones(text: str) -> None:
    assert load_encryption_configuration(text.encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty configuration"),
        ("[]", "empty configuration"),
        ("a: [", "yaml: line 1: did not find expected node content"),
        (HEAD, "resources: Required value: at least one resources is required"),
        (
            HEAD.replace("/v1", "/v2") + "resources: []",
            'no kind "EncryptionConfiguration" is',
        ),
        (HEAD + "resources: []\nresources: []", "already set in map"),
        (HEAD + "resourcez: []", 'unknown field "resourcez"'),
        (HEAD + "resources: {}", "resources: "),
        (
            one("[{aescbc: {keyz: []}}]"),
            'unknown field "resources[0].providers[0].aescbc.keyz"',
        ),
        (
            one("[]"),
            "resources[0].providers: Required value: at least one resources[0].providers is "
            "required",
        ),
        (
            one("[{}]"),
            "resources[0].providers[0]: Invalid value: []: provider does not contain any of the "
            "expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity",
        ),
        (
            one(f"[{{identity: {{}}, aesgcm: {{keys: [{KEY}]}}}}]"),
            "more than one provider specified in a single element, should split into different "
            "list elements",
        ),
        (
            one("[{aescbc: {keys: []}}]"),
            "resources[0].providers[0].aescbc.keys: Required value: at least one keys is required",
        ),
        (
            one("[{aescbc: {keys: [{name: k}]}}]"),
            "resources[0].providers[0].aescbc.keys[0].secret: Required value: secret is a "
            "mandatory field for a key",
        ),
        (
            one("[{aescbc: {keys: [{name: k, secret: '***'}]}}]"),
            'resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "REDACTED": secrets '
            "must be base64 encoded",
        ),
        (
            one("[{aesgcm: {keys: [{name: k, secret: AAAA}]}}]"),
            'resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: "REDACTED": secret is '
            "not of the expected length, got 3, expected one of [16 24 32]",
        ),
        (
            one(f"[{{secretbox: {{keys: [{KEY}]}}}}]"),
            "secret is not of the expected length, got 16, expected one of [32]",
        ),
        (one("[{kms: {apiVersion: v2, name: p}}]"), "endpoint is a mandatory field for a kms"),
        (
            one("[{kms: {apiVersion: v2, name: p, endpoint: 'tcp://a'}}]"),
            'unsupported scheme "tcp" for KMS provider, only unix is supported',
        ),
        (one(f"[{{kms: {KMS.replace('v2', 'v1')}}}]"), "KMSv1 is not supported, use KMSv2 instead"),
        (one(f"[{{kms: {KMS.replace('name: p', 'name: a:b')}}}]"), "must not contain ':'"),
        (one(f"[{{kms: {KMS}}}, {{kms: {KMS}}}]"), "duplicate KMS provider name p"),
        (one(f"[{{kms: {KMS[:-1]}, timeout: 0s}}}}]"), "timeout should be a positive value"),
        (one(f"[{{kms: {KMS[:-1]}, cachesize: 3}}}}]"), "cachesize is not supported in v2"),
        (
            one(IDENTITY, "[secrets, secrets]"),
            'resources[0].resources: Invalid value: ["secrets","secrets"]: the same resource '
            "cannot be specified multiple times",
        ),
        (one(IDENTITY, "[secrets, '*.']"), "not allowed as they will be masked"),
        (one(IDENTITY, "[secrets, '*.*']"), "not allowed as they will be masked"),
        (one(IDENTITY, "[Secrets]"), "resource name should not contain capital letters"),
        (one(IDENTITY, "['*']"), "use '*.' to encrypt all the resources"),
        (one(IDENTITY, "[events.events.k8s.io]"), "Use 'events' instead in the config file"),
        (one(IDENTITY, "[ingresses.extensions]"), "'extensions' group has been removed"),
        (one(IDENTITY, "[apiserveripinfo]"), "resources which do not have REST API/s"),
        (one(IDENTITY, "['pods.*']"), "encrypting the same resource across groups"),
        (
            f"{HEAD}resources: [{{resources: ['*.'], providers: {IDENTITY}}}, "
            f"{{resources: [secrets], providers: {IDENTITY}}}]",
            'resource "secrets" is masked by earlier rule "*."',
        ),
        (
            f"{HEAD}resources: [{{resources: ['*.*'], providers: {IDENTITY}}}, "
            f"{{resources: ['*.apps'], providers: {IDENTITY}}}]",
            'resource "*.apps" is masked by earlier rule "*.*"',
        ),
    ],
)
def test_invalid_ones(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_encryption_configuration(text.encode())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
