"""EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are encrypted, and how."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from marshmallow import fields, post_load

from apiserver.access.configuration_files import (
    ConfigurationError,
    Duration,
    StrictSchema,
    Text,
    load_configuration,
)
from apiserver.machinery import fielderrors
from apiserver.machinery.fielderrors import FieldError
from apiserver.machinery.gvk import GroupResource
from apiserver.machinery.quoting import quote
from apiserver.machinery.valueclasses import valueclass

_ANY: Final = GroupResource("*", "*")
_AES_SIZES: Final = (16, 24, 32)
_SECRETBOX_SIZES: Final = (32,)
_KMS_TIMEOUT: Final = 3.0
_NO_PROVIDER: Final = (
    "provider does not contain any of the expected providers: "
    "KMS, AESGCM, AESCBC, Secretbox, Identity"
)
_SEVERAL: Final = (
    "more than one provider specified in a single element, "
    "should split into different list elements"
)
_NOT_REST: Final = frozenset(
    ["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"]
)


@valueclass
class Key:
    """A named key; the secret is in base64."""

    name: str
    secret: str


@valueclass
class KMS:
    """A KMS plugin; ``timeout`` is in seconds."""

    api_version: str
    name: str
    endpoint: str
    timeout: float
    cachesize: int | None


@valueclass
class ProviderConfiguration:
    """One provider: exactly one of the members is set in a valid configuration."""

    aesgcm: tuple[Key, ...] | None
    aescbc: tuple[Key, ...] | None
    secretbox: tuple[Key, ...] | None
    kms: KMS | None
    identity: bool

    @property
    def names(self) -> list[str]:
        """The members that are set."""
        given = {
            "kms": self.kms,
            "aesgcm": self.aesgcm,
            "aescbc": self.aescbc,
            "secretbox": self.secretbox,
            "identity": self.identity or None,
        }
        return [name for name, value in given.items() if value is not None]


@valueclass
class ResourceConfiguration:
    """The providers of some resources."""

    resources: tuple[str, ...]
    providers: tuple[ProviderConfiguration, ...]


class _KeySchema(StrictSchema):
    name = Text()
    secret = Text()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Key:
        return Key(**data)


class _KeysSchema(StrictSchema):
    keys = fields.List(fields.Nested(_KeySchema), load_default=list)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> tuple[Key, ...]:
        return tuple(data["keys"])


class _KMSSchema(StrictSchema):
    api_version = fields.String(load_default="v1", data_key="apiVersion")
    name = Text()
    endpoint = Text()
    timeout = Duration(load_default=_KMS_TIMEOUT)
    cachesize = fields.Integer(load_default=None, strict=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> KMS:
        return KMS(**data)


class _IdentitySchema(StrictSchema):
    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> bool:
        return True


class _ProviderSchema(StrictSchema):
    aesgcm = fields.Nested(_KeysSchema, load_default=None)
    aescbc = fields.Nested(_KeysSchema, load_default=None)
    secretbox = fields.Nested(_KeysSchema, load_default=None)
    kms = fields.Nested(_KMSSchema, load_default=None)
    identity = fields.Nested(_IdentitySchema, load_default=False)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> ProviderConfiguration:
        return ProviderConfiguration(**data)


class _ResourceSchema(StrictSchema):
    resources = fields.List(fields.String(), load_default=list)
    providers = fields.List(fields.Nested(_ProviderSchema), load_default=list)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> ResourceConfiguration:
        return ResourceConfiguration(tuple(data["resources"]), tuple(data["providers"]))


class _EncryptionSchema(StrictSchema):
    resources = fields.List(fields.Nested(_ResourceSchema), load_default=list)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> tuple[ResourceConfiguration, ...]:
        return tuple(data["resources"])


def load_encryption_configuration(data: bytes) -> tuple[ResourceConfiguration, ...]:
    """Return the configuration in a file. Raises ConfigurationError."""
    configurations: tuple[ResourceConfiguration, ...] = load_configuration(
        data, "EncryptionConfiguration", {"v1": _EncryptionSchema()}
    )
    errors = list(_validate(configurations))
    if errors:
        raise ConfigurationError(fielderrors.aggregate(errors))
    _check_masked(configurations)
    return configurations


def parse_group_resource(text: str) -> GroupResource:
    """Return a resource as configurations name it: ``secrets``, ``*.``, ``*.apps`` or ``*.*``."""
    resource, _, group = text.partition(".")
    return GroupResource(group, resource)


def _validate(configurations: Sequence[ResourceConfiguration]) -> Iterator[FieldError]:
    if not configurations:
        yield fielderrors.required("resources", "at least one resources is required")
    plugins: set[str] = set()
    for index, configuration in enumerate(configurations):
        path = f"resources[{index}]"
        for member in ("resources", "providers"):
            if not getattr(configuration, member):
                where = f"{path}.{member}"
                yield fielderrors.required(where, f"at least one {where} is required")
        yield from _validate_overlap(configuration.resources, f"{path}.resources")
        for at, name in enumerate(configuration.resources):
            problem = _problem_of_name(name)
            if problem:
                yield fielderrors.invalid(f"{path}.resources[{at}]", name, problem)
        for at, provider in enumerate(configuration.providers):
            yield from _validate_provider(provider, f"{path}.providers[{at}]", plugins)


def _validate_overlap(names: Sequence[str], path: str) -> Iterator[FieldError]:
    resources = [parse_group_resource(name) for name in names]
    distinct = set(resources)
    if len(distinct) < len(resources):
        detail = "the same resource cannot be specified multiple times"
        yield fielderrors.invalid(path, list(names), detail)
    masking = {resource.group for resource in resources if resource.resource == "*"}
    if len(distinct) > 1 and (
        _ANY in distinct
        or any(each.group in masking and each.resource != "*" for each in resources)
    ):
        yield fielderrors.invalid(
            path,
            list(names),
            "using overlapping resources such as 'secrets' and '*.' in the same resource list is "
            "not allowed as they will be masked",
        )


def _problem_of_name(name: str) -> str:
    resource = parse_group_resource(name)
    if name.lower() != name:
        return "resource name should not contain capital letters"
    if name == "*":
        return (
            "use '*.' to encrypt all the resources from core API group or *.* to encrypt all "
            "resources"
        )
    if name in _NOT_REST:
        return "resources which do not have REST API/s cannot be encrypted"
    if resource.group == "events.k8s.io":
        return (
            "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. "
            "Use 'events' instead in the config file"
        )
    if resource.group == "extensions":
        return "'extensions' group has been removed and cannot be used for encryption"
    if resource.group == "*" and resource.resource != "*":
        return "encrypting the same resource across groups is not supported"
    return ""


def _validate_provider(
    provider: ProviderConfiguration, path: str, plugins: set[str]
) -> Iterator[FieldError]:
    names = provider.names
    if len(names) != 1:
        yield fielderrors.invalid(path, names, _SEVERAL if names else _NO_PROVIDER)
    if provider.kms is not None:
        yield from _validate_kms(provider.kms, f"{path}.kms", plugins)
        plugins.add(provider.kms.name)
    for name, keys, sizes in (
        ("aesgcm", provider.aesgcm, _AES_SIZES),
        ("aescbc", provider.aescbc, _AES_SIZES),
        ("secretbox", provider.secretbox, _SECRETBOX_SIZES),
    ):
        if keys is not None:
            yield from _validate_keys(keys, f"{path}.{name}.keys", sizes)


def _validate_keys(keys: Sequence[Key], path: str, sizes: Sequence[int]) -> Iterator[FieldError]:
    if not keys:
        yield fielderrors.required(path, "at least one keys is required")
    for index, key in enumerate(keys):
        where = f"{path}[{index}]"
        if not key.name:
            yield fielderrors.required(f"{where}.name", "name is a mandatory field for a key")
        if not key.secret:
            yield fielderrors.required(f"{where}.secret", "secret is a mandatory field for a key")
            continue
        problem = _problem_of_secret(key.secret, sizes)
        if problem:
            yield fielderrors.invalid(f"{where}.secret", "REDACTED", problem)


def _problem_of_secret(text: str, sizes: Sequence[int]) -> str:
    try:
        secret = b64decode("".join(text.split()), validate=True)
    except binascii.Error:
        return "secrets must be base64 encoded"
    if len(secret) in sizes:
        return ""
    expected = " ".join(map(str, sizes))
    return f"secret is not of the expected length, got {len(secret)}, expected one of [{expected}]"


def _validate_kms(kms: KMS, path: str, plugins: set[str]) -> Iterator[FieldError]:
    if not kms.name:
        yield fielderrors.required(f"{path}.name", "name is a mandatory field for a provider")
    if ":" in kms.name:
        detail = f"invalid KMS provider name {kms.name}, must not contain ':'"
        yield fielderrors.invalid(f"{path}.name", kms.name, detail)
    if kms.name in plugins:
        detail = f"duplicate KMS provider name {kms.name}, names must be unique"
        yield fielderrors.invalid(f"{path}.name", kms.name, detail)
    if kms.timeout <= 0:
        detail = "timeout should be a positive value"
        yield fielderrors.invalid(f"{path}.timeout", f"{kms.timeout:g}s", detail)
    yield from _validate_endpoint(kms.endpoint, f"{path}.endpoint")
    if kms.api_version == "v2":
        if kms.cachesize is not None:
            detail = "cachesize is not supported in v2"
            yield fielderrors.invalid(f"{path}.cachesize", kms.cachesize, detail)
    else:
        detail = (
            "KMSv1 is not supported, use KMSv2 instead"
            if kms.api_version == "v1"
            else (
                "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported"
            )
        )
        yield fielderrors.invalid(f"{path}.apiVersion", kms.api_version, detail)


def _validate_endpoint(endpoint: str, path: str) -> Iterator[FieldError]:
    if not endpoint:
        yield fielderrors.invalid(path, "", "endpoint is a mandatory field for a kms")
        return
    scheme = urlsplit(endpoint).scheme
    if scheme != "unix":
        detail = f"unsupported scheme {quote(scheme)} for KMS provider, only unix is supported"
        yield fielderrors.invalid(path, endpoint, detail)


def _check_masked(configurations: Sequence[ResourceConfiguration]) -> None:
    """Raise ConfigurationError for resources that an earlier wildcard covers."""
    seen: set[GroupResource] = set()
    for configuration in configurations:
        for name in configuration.resources:
            resource = parse_group_resource(name)
            for earlier in (GroupResource(resource.group, "*"), _ANY):
                if earlier in seen:
                    raise ConfigurationError(
                        f"resource {quote(name)} is masked by earlier rule "
                        f"{quote(f'{earlier.resource}.{earlier.group}')}"
                    )
            seen.add(resource)
