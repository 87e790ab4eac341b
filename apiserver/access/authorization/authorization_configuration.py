"""AuthorizationConfiguration (apiserver.config.k8s.io): the authorizers of a server, in order."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import fields, post_load

from apiserver.access.configuration_files import Duration, StrictSchema, Text, load_configuration
from apiserver.machinery.valueclasses import valueclass

_KIND: Final = "AuthorizationConfiguration"
#: The lifetimes of answers, in seconds, unless the configuration has others.
ALLOWED_SECONDS: Final = 300.0
REFUSED_SECONDS: Final = 30.0


@valueclass
class ConnectionInfo:
    """How a webhook is reached: by a kubeconfig file."""

    type: str = ""
    kubeconfig_file: str | None = None


@valueclass
class WebhookSettings:
    """A webhook; times are in seconds."""

    timeout: float = 0.0
    authorized_ttl: float = ALLOWED_SECONDS
    unauthorized_ttl: float = REFUSED_SECONDS
    cache_authorized: bool = True
    cache_unauthorized: bool = True
    review_version: str = ""
    condition_review_version: str = ""
    failure_policy: str = ""
    connection: ConnectionInfo = ConnectionInfo()
    conditions: tuple[str, ...] = ()


@valueclass
class AuthorizerSettings:
    """An authorizer; only one of type Webhook has a ``webhook``."""

    type: str = ""
    name: str = ""
    webhook: WebhookSettings | None = None


@valueclass
class AuthorizationConfiguration:
    """A whole file."""

    authorizers: tuple[AuthorizerSettings, ...] = ()


def parse_authorization_configuration(data: bytes) -> AuthorizationConfiguration:
    """Parse a file; it is not validated. Raises ConfigurationError."""
    schema = _ConfigurationSchema()
    configuration: AuthorizationConfiguration = load_configuration(
        data, _KIND, {"v1": schema, "v1beta1": schema, "v1alpha1": schema}
    )
    return configuration


class _ConnectionSchema(StrictSchema):
    type = Text()
    kubeconfig_file = fields.String(load_default=None, allow_none=True, data_key="kubeConfigFile")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> ConnectionInfo:
        return ConnectionInfo(**data)


class _ConditionSchema(StrictSchema):
    expression = Text()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> str:
        expression: str = data["expression"]
        return expression


def _truth(name: str) -> fields.Boolean:
    return fields.Boolean(
        load_default=True, allow_none=True, truthy={True}, falsy={False}, data_key=name
    )


class _WebhookSchema(StrictSchema):
    timeout = Duration(load_default=0.0)
    authorized_ttl = Duration(load_default=0.0, data_key="authorizedTTL")
    unauthorized_ttl = Duration(load_default=0.0, data_key="unauthorizedTTL")
    cache_authorized = _truth("cacheAuthorizedRequests")
    cache_unauthorized = _truth("cacheUnauthorizedRequests")
    review_version = Text(data_key="subjectAccessReviewVersion")
    condition_review_version = Text(data_key="matchConditionSubjectAccessReviewVersion")
    failure_policy = Text(data_key="failurePolicy")
    connection = fields.Nested(
        _ConnectionSchema, load_default=ConnectionInfo(), data_key="connectionInfo"
    )
    conditions = fields.List(
        fields.Nested(_ConditionSchema),
        load_default=(),
        allow_none=True,
        data_key="matchConditions",
    )

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> WebhookSettings:
        data["conditions"] = tuple(data["conditions"] or ())
        for member, seconds in (
            ("authorized_ttl", ALLOWED_SECONDS), ("unauthorized_ttl", REFUSED_SECONDS),
        ):  # fmt: skip
            data[member] = data[member] or seconds
        for member in ("cache_authorized", "cache_unauthorized"):
            data[member] = data[member] is not False
        return WebhookSettings(**data)


class _AuthorizerSchema(StrictSchema):
    type = Text()
    name = Text()
    webhook = fields.Nested(_WebhookSchema, load_default=None, allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> AuthorizerSettings:
        return AuthorizerSettings(**data)


class _ConfigurationSchema(StrictSchema):
    authorizers = fields.List(fields.Nested(_AuthorizerSchema), load_default=(), allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> AuthorizationConfiguration:
        return AuthorizationConfiguration(tuple(data["authorizers"] or ()))
