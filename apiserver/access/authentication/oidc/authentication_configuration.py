"""AuthenticationConfiguration (apiserver.config.k8s.io): issuers, and how their claims are read."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import fields, post_load

from apiserver.access.configuration_files import StrictSchema, Text, load_configuration
from apiserver.machinery.valueclasses import valueclass

_KIND: Final = "AuthenticationConfiguration"


@valueclass
class Issuer:
    """The issuer of tokens, and their audiences.

    ``url`` is the claim ``iss``. Its discovery document is at ``discovery_url`` if that is not
    empty. ``certificate_authority`` has the CAs of the issuer's servers in PEM, empty: those of the
    system.
    """

    url: str = ""
    discovery_url: str = ""
    certificate_authority: str = ""
    audiences: tuple[str, ...] = ()
    audience_match_policy: str = ""
    egress_selector_type: str = ""


@valueclass
class ClaimOrExpression:
    """The source of a value: a claim with a prefix, or an expression; neither: there is none."""

    claim: str = ""
    prefix: str | None = None
    expression: str = ""


@valueclass
class ExtraMapping:
    """A member of the user's ``extra``, and the expression for its values."""

    key: str = ""
    value_expression: str = ""


@valueclass
class ClaimMappings:
    """The sources of the parts of a user."""

    username: ClaimOrExpression = ClaimOrExpression()
    groups: ClaimOrExpression = ClaimOrExpression()
    uid: ClaimOrExpression = ClaimOrExpression()
    extra: tuple[ExtraMapping, ...] = ()


@valueclass
class ClaimRule:
    """A claim that must have a value, or an expression that must be true."""

    claim: str = ""
    required_value: str = ""
    expression: str = ""
    message: str = ""


@valueclass
class UserRule:
    """An expression about the user that must be true."""

    expression: str = ""
    message: str = ""


@valueclass
class JWTAuthenticator:
    """An issuer with the rules for its tokens; ``algorithms`` are those of their signatures."""

    issuer: Issuer = Issuer()
    mappings: ClaimMappings = ClaimMappings()
    claim_rules: tuple[ClaimRule, ...] = ()
    user_rules: tuple[UserRule, ...] = ()
    algorithms: tuple[str, ...] = ()


@valueclass
class AnonymousConfiguration:
    """Whether requests without credentials are served, and on which paths only, if any are given.

    ``conditions`` are these paths.
    """

    enabled: bool = False
    conditions: tuple[str, ...] = ()


@valueclass
class AuthenticationConfiguration:
    """A whole file; without ``anonymous`` the flag ``--anonymous-auth`` counts."""

    jwt: tuple[JWTAuthenticator, ...] = ()
    anonymous: AnonymousConfiguration | None = None


def parse_authentication_configuration(data: bytes) -> AuthenticationConfiguration:
    """Parse a file; it is not validated. Raises ConfigurationError."""
    schema = _ConfigurationSchema()
    configuration: AuthenticationConfiguration = load_configuration(
        data, _KIND, {"v1": schema, "v1beta1": schema, "v1alpha1": schema}
    )
    return configuration


class _IssuerSchema(StrictSchema):
    url = Text()
    discovery_url = Text(data_key="discoveryURL")
    certificate_authority = Text(data_key="certificateAuthority")
    audiences = fields.List(fields.String(), load_default=None, allow_none=True)
    audience_match_policy = Text(data_key="audienceMatchPolicy")
    egress_selector_type = Text(data_key="egressSelectorType")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Issuer:
        return Issuer(**{**data, "audiences": tuple(data["audiences"] or ())})


class _ExpressionSchema(StrictSchema):
    claim = Text()
    expression = Text()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> ClaimOrExpression:
        return ClaimOrExpression(**data)


class _PrefixedSchema(_ExpressionSchema):
    prefix = fields.String(load_default=None, allow_none=True)


class _ExtraSchema(StrictSchema):
    key = Text()
    value_expression = Text(data_key="valueExpression")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> ExtraMapping:
        return ExtraMapping(**data)


class _MappingsSchema(StrictSchema):
    username = fields.Nested(_PrefixedSchema, load_default=ClaimOrExpression())
    groups = fields.Nested(_PrefixedSchema, load_default=ClaimOrExpression())
    uid = fields.Nested(_ExpressionSchema, load_default=ClaimOrExpression())
    extra = fields.List(fields.Nested(_ExtraSchema), load_default=(), allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> ClaimMappings:
        return ClaimMappings(**{**data, "extra": tuple(data["extra"] or ())})


class _ClaimRuleSchema(StrictSchema):
    claim = Text()
    required_value = Text(data_key="requiredValue")
    expression = Text()
    message = Text()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> ClaimRule:
        return ClaimRule(**data)


class _UserRuleSchema(StrictSchema):
    expression = Text()
    message = Text()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> UserRule:
        return UserRule(**data)


class _AuthenticatorSchema(StrictSchema):
    issuer = fields.Nested(_IssuerSchema, load_default=Issuer())
    mappings = fields.Nested(
        _MappingsSchema, load_default=ClaimMappings(), data_key="claimMappings"
    )
    claim_rules = fields.List(
        fields.Nested(_ClaimRuleSchema),
        load_default=(),
        allow_none=True,
        data_key="claimValidationRules",
    )
    user_rules = fields.List(
        fields.Nested(_UserRuleSchema),
        load_default=(),
        allow_none=True,
        data_key="userValidationRules",
    )

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> JWTAuthenticator:
        rules = {name: tuple(data[name] or ()) for name in ("claim_rules", "user_rules")}
        return JWTAuthenticator(**{**data, **rules})


class _ConditionSchema(StrictSchema):
    path = Text()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> str:
        path: str = data["path"]
        return path


class _AnonymousSchema(StrictSchema):
    enabled = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    conditions = fields.List(fields.Nested(_ConditionSchema), load_default=(), allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> AnonymousConfiguration:
        return AnonymousConfiguration(data["enabled"], tuple(data["conditions"] or ()))


class _ConfigurationSchema(StrictSchema):
    jwt = fields.List(fields.Nested(_AuthenticatorSchema), load_default=(), allow_none=True)
    anonymous = fields.Nested(_AnonymousSchema, load_default=None, allow_none=True)

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> AuthenticationConfiguration:
        return AuthenticationConfiguration(tuple(data["jwt"] or ()), data["anonymous"])
