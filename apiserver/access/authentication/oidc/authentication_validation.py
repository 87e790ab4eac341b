"""The static validation of an AuthenticationConfiguration; expressions are compiled by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from apiserver.access.authentication.oidc.authentication_configuration import (
    AuthenticationConfiguration,
    ClaimMappings,
    ClaimOrExpression,
    ClaimRule,
    ExtraMapping,
    JWTAuthenticator,
)
from apiserver.access.authentication.oidc.claim_mapping import ClaimMapper, ClaimPrograms
from apiserver.access.authentication.oidc.issuer_validation import validate_issuer
from apiserver.access.configuration_files import ConfigurationError
from apiserver.machinery.domainpaths import validate_domain_prefixed_path
from apiserver.machinery.fielderrors import (
    FieldError,
    aggregate,
    duplicate,
    invalid,
    required,
    too_many,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from apiserver.access.authentication.oidc.claim_expressions import ClaimExpressions
    from apiserver.cel.compilation import Program

_MAX_ISSUERS: Final = 64
_OURS: Final = ("kubernetes.io", "k8s.io")
_BOTH: Final = "claim and expression can't both be set"
_NEITHER: Final = "claim or expression is required"
_VERIFIED: Final = (
    "claims.email_verified must be used in claimMappings.username.expression or "
    "claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when "
    "claims.email is used in claimMappings.username.expression"
)
_PREFIX: Final = (
    "prefix is required when claim is set. It can be set to an empty string to disable prefixing"
)


def compile_authenticators(
    configuration: AuthenticationConfiguration, own_issuers: Sequence[str]
) -> Sequence[ClaimMapper]:
    """Return the claim programs of each issuer. Raises ConfigurationError with all errors.

    ``own_issuers`` sign the tokens of service accounts, so they sign no others.
    """
    validation = _Validation(own_issuers)
    mappers = validation.run(configuration)
    if validation.errors:
        raise ConfigurationError(aggregate(validation.errors))
    return mappers


class _Validation:
    """Collects the errors of one configuration."""

    def __init__(self, own_issuers: Sequence[str]) -> None:
        self.errors: list[FieldError] = []
        self._own = own_issuers
        self._compile = _Compiler(self.errors)

    def run(self, configuration: AuthenticationConfiguration) -> Sequence[ClaimMapper]:
        given = configuration.jwt
        if len(given) > _MAX_ISSUERS:
            self.errors.append(too_many("jwt", len(given), _MAX_ISSUERS))
            return ()
        mappers = []
        seen: set[tuple[str, str]] = set()
        for index, each in enumerate(given):
            path = f"jwt[{index}]"
            mappers.append(self._authenticator(each, path))
            for member, url in (("url", each.issuer.url), ("discoveryURL", _discovery(each))):
                if (member, url) in seen:
                    self.errors.append(duplicate(f"{path}.issuer.{member}", url))
                if url or member == "url":
                    seen.add((member, url))
        anonymous = configuration.anonymous
        if anonymous is not None and not anonymous.enabled and anonymous.conditions:
            shown = [{"Path": condition} for condition in anonymous.conditions]
            detail = "enabled should be set to true when conditions are defined"
            self.errors.append(invalid("anonymous.conditions", shown, detail))
        return mappers

    def _authenticator(self, given: JWTAuthenticator, path: str) -> ClaimMapper:
        self.errors += validate_issuer(given.issuer, f"{path}.issuer", self._own)
        claim_rules = tuple(self._claim_rules(given, f"{path}.claimValidationRules"))
        where = f"{path}.claimMappings"
        mappings = given.mappings
        username = self._value(mappings.username, f"{where}.username", is_required=True)
        groups = self._value(mappings.groups, f"{where}.groups", is_required=False)
        uid = self._uid(mappings, f"{where}.uid")
        extra = tuple(self._extra(mappings.extra, where))
        self._check_email(mappings, where, username, [*extra, *claim_rules])
        user_rules = tuple(self._user_rules(given, f"{path}.userValidationRules"))
        return ClaimMapper(
            given, ClaimPrograms(username, groups, uid, extra, claim_rules, user_rules)
        )

    def _claim_rules(
        self, given: JWTAuthenticator, path: str
    ) -> Iterator[tuple[ClaimRule, Program]]:
        seen: set[tuple[str, str]] = set()
        for index, rule in enumerate(given.claim_rules):
            where = f"{path}[{index}]"
            if rule.claim and rule.expression:
                self.errors.append(invalid(where, rule.claim, _BOTH))
                continue
            if not rule.claim and not rule.expression:
                self.errors.append(required(where, _NEITHER))
                continue
            self._check_rule(rule, where)
            member = "claim" if rule.claim else "expression"
            if (rule.claim, rule.expression) in seen:
                self.errors.append(duplicate(f"{where}.{member}", rule.claim or rule.expression))
                continue
            seen.add((rule.claim, rule.expression))
            if rule.expression:
                program = self._compile.claim_rule(rule.expression, f"{where}.expression")
                if program is not None:
                    yield rule, program

    def _check_rule(self, rule: ClaimRule, path: str) -> None:
        if rule.claim and rule.message:
            detail = "may not be specified when claim is set"
            self.errors.append(invalid(f"{path}.message", rule.message, detail))
        if rule.expression and rule.required_value:
            detail = "may not be specified when expression is set"
            self.errors.append(invalid(f"{path}.requiredValue", rule.required_value, detail))

    def _value(self, given: ClaimOrExpression, path: str, *, is_required: bool) -> Program | None:
        if given.claim and given.expression:
            self.errors.append(invalid(path, "", _BOTH))
        elif given.expression:
            if given.prefix is not None:
                detail = "may not be specified when expression is set"
                self.errors.append(invalid(f"{path}.prefix", given.prefix, detail))
            return self._compile.mapping(given.expression, f"{path}.expression")
        elif given.claim:
            if given.prefix is None:
                self.errors.append(required(f"{path}.prefix", _PREFIX))
        elif is_required:
            self.errors.append(required(path, _NEITHER))
        return None

    def _uid(self, mappings: ClaimMappings, path: str) -> Program | None:
        if mappings.uid.claim and mappings.uid.expression:
            self.errors.append(invalid(path, "", _BOTH))
        elif mappings.uid.expression:
            return self._compile.mapping(mappings.uid.expression, f"{path}.expression")
        return None

    def _extra(
        self, given: Sequence[ExtraMapping], path: str
    ) -> Iterator[tuple[ExtraMapping, Program]]:
        seen: set[str] = set()
        for index, mapping in enumerate(given):
            where, key = f"{path}.extra[{index}]", mapping.key
            self.errors += _validate_key(key, f"{where}.key")
            if key in seen:
                self.errors.append(duplicate(f"{where}.key", key))
                continue
            seen.add(key)
            where = f"{where}.valueExpression"
            if not mapping.value_expression:
                self.errors.append(required(where))
                continue
            program = self._compile.mapping(mapping.value_expression, where)
            if program is not None:
                yield mapping, program

    def _user_rules(self, given: JWTAuthenticator, path: str) -> Iterator[tuple[str, str, Program]]:
        seen: set[str] = set()
        for index, rule in enumerate(given.user_rules):
            where = f"{path}[{index}].expression"
            if not rule.expression:
                self.errors.append(required(where))
            elif rule.expression in seen:
                self.errors.append(duplicate(where, rule.expression))
            else:
                seen.add(rule.expression)
                program = self._compile.user_rule(rule.expression, where)
                if program is not None:
                    yield rule.expression, rule.message, program

    def _check_email(
        self,
        mappings: ClaimMappings,
        path: str,
        username: Program | None,
        others: Iterable[tuple[object, Program]],
    ) -> None:
        """Refuse an address as the name unless a rule uses ``email_verified``."""
        if username is None:
            return
        from apiserver.access.authentication.oidc.claim_expressions import uses_claim

        programs = [username, *(program for _, program in others)]
        if uses_claim([username], "email") and not uses_claim(programs, "email_verified"):
            where = f"{path}.username.expression"
            self.errors.append(invalid(where, mappings.username.expression, _VERIFIED))


class _Compiler:
    """Compiles expressions, and collects the errors of those that do not compile."""

    def __init__(self, errors: list[FieldError]) -> None:
        self._errors = errors
        # The libraries of the language are imported for the first expression.
        self._expressions: ClaimExpressions | None = None

    def mapping(self, source: str, path: str) -> Program | None:
        return self._compiled(self._ready().mapping, source, path)

    def claim_rule(self, source: str, path: str) -> Program | None:
        return self._compiled(self._ready().claim_rule, source, path)

    def user_rule(self, source: str, path: str) -> Program | None:
        return self._compiled(self._ready().user_rule, source, path)

    def _ready(self) -> ClaimExpressions:
        if self._expressions is None:
            from apiserver.access.authentication.oidc.claim_expressions import ClaimExpressions

            self._expressions = ClaimExpressions()
        return self._expressions

    def _compiled(
        self, compile_: Callable[[str], Program], source: str, path: str
    ) -> Program | None:
        from apiserver.cel.errors import CompileError

        try:
            return compile_(source)
        except CompileError as error:
            self._errors.append(invalid(path, source, str(error)))
            return None


def _validate_key(key: str, path: str) -> list[FieldError]:
    errors = validate_domain_prefixed_path(key, path)
    if key != key.lower():
        errors.append(invalid(path, key, "must be lowercase"))
    domain, slash, _ = key.partition("/")
    if slash and any(domain == own or domain.endswith(f".{own}") for own in _OURS):
        detail = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"
        errors.append(invalid(path, key, detail))
    return errors


def _discovery(given: JWTAuthenticator) -> str:
    return given.issuer.discovery_url
