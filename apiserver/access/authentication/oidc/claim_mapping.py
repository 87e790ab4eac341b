"""ClaimMapper: the user that the claims of a token describe. Pure.

The errors have the words of Kubernetes; a TokenReview shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from apiserver.access.authentication.authenticator import BadCredential
from apiserver.access.authentication.oidc.authentication_configuration import (
    ClaimOrExpression,
    ClaimRule,
    ExtraMapping,
    JWTAuthenticator,
)
from apiserver.access.authentication.x509 import CREDENTIAL_ID
from apiserver.machinery.quoting import quote
from apiserver.machinery.users import UserInfo
from apiserver.machinery.valueclasses import valueclass

if TYPE_CHECKING:
    from apiserver.cel.compilation import Program

Claims = Mapping[str, Any]

_JSON_TYPES: Final = {
    bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object",
}  # fmt: skip
_USERNAME: Final = "username claim expression"
_UID: Final = "uid claim expression"
_STRINGS: Final = "expression must return a string or a list of strings"


@valueclass
class ClaimPrograms:
    """The compiled expressions of an authenticator; ``None``: there is none."""

    username: Program | None = None
    groups: Program | None = None
    uid: Program | None = None
    extra: tuple[tuple[ExtraMapping, Program], ...] = ()
    claim_rules: tuple[tuple[ClaimRule, Program], ...] = ()
    #: Source, message and program of each.
    user_rules: tuple[tuple[str, str, Program], ...] = ()


@valueclass
class ClaimMapper:
    """Reads claims as a configuration says."""

    configuration: JWTAuthenticator
    expressions: ClaimPrograms = ClaimPrograms()

    @property
    def evaluates(self) -> bool:
        """Whether expressions are evaluated, which may take long."""
        return self.expressions != ClaimPrograms()

    def user_of(self, claims: Claims) -> UserInfo:
        """Return the user of valid claims. Raises BadCredential."""
        user = UserInfo(
            self._username(claims),
            groups=self._groups(claims),
            uid=self._uid(claims),
            extra=self._extra(claims),
        )
        self._check_claims(claims)
        self._check_user(user)
        return user

    def _username(self, claims: Claims) -> str:
        program = self.expressions.username
        if program is not None:
            name = _evaluate(program, claims, _USERNAME)
            if not isinstance(name, str):
                raise _failed(_USERNAME, f"{_USERNAME} must return a string")
            if not name:
                raise BadCredential("oidc: empty username via CEL expression is not allowed")
            return name
        mapping = self.configuration.mappings.username
        try:
            name = _text(claims, mapping.claim)
            if mapping.claim == "email":
                _check_verified(claims)
        except _WrongClaim as error:
            raise BadCredential(
                f"oidc: parse username claims {quote(mapping.claim)}: {error}"
            ) from error
        return (mapping.prefix or "") + name

    def _groups(self, claims: Claims) -> tuple[str, ...]:
        mapping = self.configuration.mappings.groups
        if mapping.claim and mapping.claim in claims:
            return _groups_in(claims, mapping)
        program = self.expressions.groups
        if program is None:
            return ()
        what = "group claim expression"
        return _strings(_evaluate(program, claims, what), what)

    def _uid(self, claims: Claims) -> str:
        claim = self.configuration.mappings.uid.claim
        if claim:
            try:
                return _text(claims, claim)
            except _WrongClaim as error:
                raise BadCredential(f"oidc: parse uid claim {quote(claim)}: {error}") from error
        program = self.expressions.uid
        if program is None:
            return ""
        uid = _evaluate(program, claims, _UID)
        if not isinstance(uid, str):
            raise _failed(_UID, f"{_UID} must return a string")
        return uid

    def _extra(self, claims: Claims) -> dict[str, tuple[str, ...]]:
        extra: dict[str, tuple[str, ...]] = {}
        token = claims.get("jti")
        if isinstance(token, str) and token:
            extra[CREDENTIAL_ID] = (f"JTI={token}",)
        for mapping, program in self.expressions.extra:
            what = f"extra claim expression: {mapping.value_expression}"
            values = _strings(_evaluate(program, claims, what), what)
            if values:
                extra[mapping.key] = values
        return extra

    def _check_claims(self, claims: Claims) -> None:
        for rule in self.configuration.claim_rules:
            if rule.claim:
                _check_required(claims, rule)
        for rule, program in self.expressions.claim_rules:
            what = "claim validation expression"
            _check(_evaluate(program, claims, what), what, rule.expression, rule.message)

    def _check_user(self, user: UserInfo) -> None:
        if not self.expressions.user_rules:
            return
        shown = {
            "username": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
        }
        what = "user info validation rule"
        for source, message, program in self.expressions.user_rules:
            _check(_evaluate(program, shown, what, variable="user"), what, source, message)


class _WrongClaim(Exception):
    """A claim is missing, or is not of the needed type."""


def _evaluate(program: Program, value: Claims, what: str, variable: str = "claims") -> Any:
    from apiserver.cel.errors import EvaluationError

    try:
        return program.evaluate({variable: value})[0]
    except EvaluationError as error:
        raise _failed(what, f"expression {quote(what)} resulted in error: {error}") from error


def _failed(what: str, why: str) -> BadCredential:
    return BadCredential(f"oidc: error evaluating {what}: {why}")


def _check(value: Any, what: str, source: str, message: str) -> None:
    if value is not True:
        raise _failed(what, f"validation expression '{source}' failed: {message}")


def _strings(value: Any, what: str) -> tuple[str, ...]:
    """Return the texts of a text, or of a list of them, but for empty ones."""
    values = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise _failed(what, _STRINGS)
    return tuple(each for each in values if each)


def _text(claims: Claims, claim: str) -> str:
    if claim not in claims:
        raise _WrongClaim("claim not present")
    return _string(claims[claim])


def _string(value: Any) -> str:
    # As in Go, null leaves a text empty.
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _WrongClaim(_cannot(value, "string"))
    return value


def _cannot(value: Any, wanted: str) -> str:
    return f"json: cannot unmarshal {_JSON_TYPES[type(value)]} into Go value of type {wanted}"


def _check_verified(claims: Claims) -> None:
    verified = claims.get("email_verified", True)
    if verified is not None and not isinstance(verified, bool):
        cause = _cannot(verified, "bool")
        raise BadCredential(f"oidc: parse 'email_verified' claim: {cause}")
    if not verified:
        raise BadCredential("oidc: email not verified")


def _groups_in(claims: Claims, mapping: ClaimOrExpression) -> tuple[str, ...]:
    value = claims[mapping.claim]
    values = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(values, list) or not all(isinstance(each, str | None) for each in values):
        cause = _cannot(value, "string")
        raise BadCredential(f"oidc: parse groups claim {quote(mapping.claim)}: {cause}")
    prefix = mapping.prefix or ""
    return tuple(prefix + (each or "") for each in values)


def _check_required(claims: Claims, rule: ClaimRule) -> None:
    if rule.claim not in claims:
        raise BadCredential(f"oidc: required claim {rule.claim} not present in ID token")
    try:
        value = _string(claims[rule.claim])
    except _WrongClaim as error:
        raise BadCredential(f"oidc: parse claim {rule.claim}: {error}") from error
    if value != rule.required_value:
        raise BadCredential(
            f"oidc: required claim {rule.claim} value does not match. "
            f"Got = {value}, want = {rule.required_value}"
        )
