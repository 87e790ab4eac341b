"""Validation of AuthenticationConfiguration."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiserver.access.authentication.oidc.authentication_configuration import (
    parse_authentication_configuration,
)
from apiserver.access.authentication.oidc.authentication_validation import compile_authenticators
from apiserver.access.configuration_files import ConfigurationError

OWN = ("https://kubernetes.default.svc", "https://a.example")
HEAD = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
GOOD = "url: https://issuer.example, audiences: [a]"
NAME = "username: {claim: sub, prefix: ''}"

SEVERAL = "url: https://b.example, audiences: [a, b], audienceMatchPolicy: MatchAny"
VERIFIED_NAME = "username: {expression: 'claims.email_verified ? claims.email : claims.sub'}"
VERIFIED_EXTRA = (
    "username: {expression: claims.email}, extra: "
    "[{key: a.example/v, valueExpression: 'string(claims.?email_verified.orValue(true))'}]"
)
MORE = "uid: {claim: oid}, groups: {expression: claims.roles}"
RULES = (
    "claimValidationRules: [{claim: hd, requiredValue: x}, "
    "{expression: 'claims.exp - claims.nbf <= 86400', message: long}], "
    "userValidationRules: [{expression: \"!user.username.startsWith('system:')\"}]"
)


def authenticator(issuer: str = GOOD, mappings: str = NAME, more: str = "") -> str:
    tail = f", {more}" if more else ""
    return f"{{issuer: {{{issuer}}}, claimMappings: {{{mappings}}}{tail}}}"


def check(body: str) -> str:
    """Return the error of a configuration."""
    with pytest.raises(ConfigurationError) as refusal:
        compile_authenticators(parse_authentication_configuration((HEAD + body).encode()), OWN)
    return str(refusal.value)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "jwt: []",
        "jwt: null",
        f"jwt: [{authenticator()}]",
        f"jwt: [{authenticator()}, {authenticator('url: https://b.example, audiences: [a]')}]",
        "anonymous: {enabled: true, conditions: [{path: /livez}]}",
        "anonymous: {enabled: false}",
        f"jwt: [{authenticator(GOOD + ', discoveryURL: https://in.cluster/x')}]",
        f"jwt: [{authenticator(SEVERAL)}]",
        f"jwt: [{authenticator(mappings=VERIFIED_NAME)}]",
        f"jwt: [{authenticator(mappings=VERIFIED_EXTRA)}]",
        f"jwt: [{authenticator(mappings=NAME + ', ' + MORE, more=RULES)}]",
    ],
)
def test_these_are_accepted(body: str) -> None:
    for version in ("v1", "v1beta1"):
        head = HEAD.replace("/v1", f"/{version}")
        configuration = parse_authentication_configuration((head + body).encode())
        mappers = compile_authenticators(configuration, OWN)
        assert len(mappers) == len(configuration.jwt)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "empty configuration"),
        ("a: 1", 'no kind "" is registered for version ""'),
        (
            HEAD.replace("Authentication", "Encryption"),
            'no kind "EncryptionConfiguration" is registered for version '
            '"apiserver.config.k8s.io/v1"',
        ),
        (
            HEAD.replace("/v1", "/v2"),
            'no kind "AuthenticationConfiguration" is registered for version '
            '"apiserver.config.k8s.io/v2"',
        ),
        (HEAD + "jwts: []", 'strict decoding error: unknown field "jwts"'),
        (
            HEAD + "jwt: [{issuer: {uri: x}}]",
            'strict decoding error: unknown field "jwt[0].issuer.uri"',
        ),
        (
            HEAD + "jwt: [{issuer: {url: 5}}]",
            "strict decoding error: jwt[0].issuer.url: Not a valid string.",
        ),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(text: str, error: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        parse_authentication_configuration(text.encode())
    assert str(refusal.value) == error


URL = "jwt[0].issuer.url: Invalid value: "
USERNAME = "jwt[0].claimMappings.username"
EXTRA = "jwt[0].claimMappings.extra[0]"
RULE = "jwt[0].claimValidationRules[0]"
UNVERIFIED = (
    f'{USERNAME}.expression: Invalid value: "claims.email": claims.email_verified must be used in '
    "claimMappings.username.expression or claimMappings.extra[*].valueExpression or "
    "claimValidationRules[*].expression when claims.email is used in "
    "claimMappings.username.expression"
)


@pytest.mark.parametrize(
    ("issuer", "error"),
    [
        ("audiences: [a]", "jwt[0].issuer.url: Required value"),
        ("url: 'http://b', audiences: [a]", f'{URL}"http://b": URL scheme must be https'),
        (
            "url: 'https://u:p@b', audiences: [a]",
            f'{URL}"https://u:p@b": URL must not contain a username or password',
        ),
        ("url: 'https://b?q', audiences: [a]", f'{URL}"https://b?q": URL must not contain a query'),
        (
            "url: 'https://b#f', audiences: [a]",
            f'{URL}"https://b#f": URL must not contain a fragment',
        ),
        (
            "url: 'https://a.example', audiences: [a]",
            f'{URL}"https://a.example": URL must not overlap with disallowed issuers: '
            "[https://a.example https://kubernetes.default.svc]",
        ),
        (
            GOOD + ", discoveryURL: 'https://issuer.example/'",
            'jwt[0].issuer.discoveryURL: Invalid value: "https://issuer.example/": '
            "discoveryURL must be different from URL",
        ),
        (
            "url: https://b",
            "jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is "
            "required",
        ),
        ("url: https://b, audiences: ['']", "jwt[0].issuer.audiences[0]: Required value"),
        (
            "url: https://b, audiences: [a, a], audienceMatchPolicy: MatchAny",
            'jwt[0].issuer.audiences[1]: Duplicate value: "a"',
        ),
        (
            "url: https://b, audiences: [a, b]",
            'jwt[0].issuer.audienceMatchPolicy: Invalid value: "": audienceMatchPolicy must be '
            "MatchAny for multiple audiences",
        ),
        (
            GOOD + ", audienceMatchPolicy: All",
            'jwt[0].issuer.audienceMatchPolicy: Invalid value: "All": audienceMatchPolicy must be '
            "empty or MatchAny for single audience",
        ),
        (
            GOOD + ", certificateAuthority: rubbish",
            'jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": data does not '
            "contain any valid RSA or ECDSA certificates",
        ),
        (
            GOOD + ", egressSelectorType: etcd",
            'jwt[0].issuer.egressSelectorType: Invalid value: "etcd": egress selector must be '
            "either controlplane or cluster",
        ),
        (
            GOOD + ", egressSelectorType: cluster",
            "jwt[0].issuer.egressSelectorType: Forbidden: this server connects to issuers itself",
        ),
    ],
)
def test_issuers_that_are_refused(issuer: str, error: str) -> None:
    assert check(f"jwt: [{authenticator(issuer)}]") == error


@pytest.mark.parametrize(
    ("mappings", "error"),
    [
        ("", f"{USERNAME}: Required value: claim or expression is required"),
        (
            "username: {claim: sub, expression: claims.sub}",
            f'{USERNAME}: Invalid value: "": claim and expression can\'t both be set',
        ),
        (
            "username: {claim: sub}",
            f"{USERNAME}.prefix: Required value: prefix is required when claim is set. It can be "
            "set to an empty string to disable prefixing",
        ),
        (
            "username: {expression: claims.sub, prefix: a}",
            f'{USERNAME}.prefix: Invalid value: "a": may not be specified when expression is set',
        ),
        ("username: {expression: claims.email}", UNVERIFIED),
        (
            "username: {expression: claim.sub}",
            f'{USERNAME}.expression: Invalid value: "claim.sub": compilation failed: ERROR: '
            "<input>:1:1: undeclared reference to 'claim' (in container '')\n | claim.sub\n | ^",
        ),
        (
            NAME + ", uid: {claim: a, expression: b}",
            'jwt[0].claimMappings.uid: Invalid value: "": claim and expression can\'t both be set',
        ),
        (
            NAME + ", extra: [{key: foo, valueExpression: claims.a}]",
            f'{EXTRA}.key: Invalid value: "foo": must be a domain-prefixed path '
            '(such as "acme.io/foo")',
        ),
        (
            NAME + ", extra: [{key: a.example/Foo, valueExpression: claims.a}]",
            f'{EXTRA}.key: Invalid value: "a.example/Foo": must be lowercase',
        ),
        (
            NAME + ", extra: [{key: x.k8s.io/foo, valueExpression: claims.a}]",
            f'{EXTRA}.key: Invalid value: "x.k8s.io/foo": k8s.io, kubernetes.io and their '
            "subdomains are reserved for Kubernetes use",
        ),
        (NAME + ", extra: [{key: a.example/f}]", f"{EXTRA}.valueExpression: Required value"),
        (
            NAME + ", extra: [{key: a.example/f, valueExpression: 'true'},"
            " {key: a.example/f, valueExpression: 'false'}]",
            'jwt[0].claimMappings.extra[1].key: Duplicate value: "a.example/f"',
        ),
    ],
)
def test_mappings_that_are_refused(mappings: str, error: str) -> None:
    assert check(f"jwt: [{authenticator(mappings=mappings)}]") == error


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        (
            "claimValidationRules: [{claim: a, expression: b}]",
            f'{RULE}: Invalid value: "a": claim and expression can\'t both be set',
        ),
        (
            "claimValidationRules: [{message: m}]",
            f"{RULE}: Required value: claim or expression is required",
        ),
        (
            "claimValidationRules: [{claim: a, message: m}]",
            f'{RULE}.message: Invalid value: "m": may not be specified when claim is set',
        ),
        (
            "claimValidationRules: [{expression: 'true', requiredValue: v}]",
            f'{RULE}.requiredValue: Invalid value: "v": may not be specified when expression is '
            "set",
        ),
        (
            "claimValidationRules: [{claim: a}, {claim: a}]",
            'jwt[0].claimValidationRules[1].claim: Duplicate value: "a"',
        ),
        (
            "claimValidationRules: [{expression: claims.a}]",
            f'{RULE}.expression: Invalid value: "claims.a": must evaluate to bool',
        ),
        (
            "userValidationRules: [{}]",
            "jwt[0].userValidationRules[0].expression: Required value",
        ),
        (
            "userValidationRules: [{expression: 'true'}, {expression: 'true'}]",
            'jwt[0].userValidationRules[1].expression: Duplicate value: "true"',
        ),
        (
            "userValidationRules: [{expression: user.age}]",
            'jwt[0].userValidationRules[0].expression: Invalid value: "user.age": compilation '
            "failed: ERROR: <input>:1:5: undefined field 'age'\n | user.age\n | ....^",
        ),
    ],
)
def test_rules_that_are_refused(rules: str, error: str) -> None:
    assert check(f"jwt: [{authenticator(more=rules)}]") == error


def test_what_is_refused_of_the_whole() -> None:
    twice = check(f"jwt: [{authenticator()}, {authenticator()}]")
    assert twice == 'jwt[1].issuer.url: Duplicate value: "https://issuer.example"'
    many = ", ".join([authenticator()] * 65)
    assert check(f"jwt: [{many}]") == "jwt: Too many: 65: must have at most 64 items"
    assert check("anonymous: {enabled: false, conditions: [{path: /a}]}") == (
        'anonymous.conditions: Invalid value: [{"Path":"/a"}]: enabled should be set to true when '
        "conditions are defined"
    )


def test_all_errors_are_told() -> None:
    text = check("jwt: [{}]")
    assert text.startswith("[jwt[0].issuer.url: Required value, ")
    assert text.endswith(f"{USERNAME}: Required value: claim or expression is required]")


def test_the_certificates_of_an_authority_are_read(certificate: Path) -> None:
    pem = certificate.read_text().replace("\n", "\\n")
    body = f'jwt: [{authenticator(f"""{GOOD}, certificateAuthority: "{pem}" """)}]'
    configuration = parse_authentication_configuration((HEAD + body).encode())
    assert compile_authenticators(configuration, OWN)
