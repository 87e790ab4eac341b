"""Audit policies: the rule for a request, and the error for an invalid file."""

from __future__ import annotations

import pytest

from apiserver.access.audit.audit_policy import AuditedRequest, AuditPolicy, AuditRule, Level
from apiserver.access.audit.audit_policy_file import load_audit_policy
from apiserver.access.configuration_files import ConfigurationError

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
POD = AuditedRequest("ann", ("devs", "all"), "get", True, "", "ns", "", "pods", "", "p")
POD_LOG = POD._replace(subresource="log")
SCALE = POD._replace(group="apps", resource="deployments", subresource="scale", verb="update")
NODE = POD._replace(namespace="", resource="nodes")
PATH = AuditedRequest("ann", ("devs",), "get", False, "/healthz/ping")
NOBODY = AuditedRequest("", (), "get", True, "", "ns", "", "pods")


@pytest.mark.parametrize(
    ("rule", "matching", "other"),
    [
        ("", [POD, SCALE, PATH, NOBODY], []),
        ("users: [ann, bob]", [POD, PATH], [NOBODY]),
        ("userGroups: [devs]", [POD, PATH], [NOBODY]),
        ("verbs: [get, list]", [POD, PATH], [SCALE]),
        ("verbs: [update], users: [bob]", [], [SCALE, POD]),
        ("namespaces: [ns]", [POD, SCALE], [NODE, PATH]),
        ("namespaces: ['']", [NODE], [POD, PATH]),
        ("namespaces: [ns], resources: [{resources: [nodes]}]", [], [NODE, POD]),
        ("resources: [{group: ''}]", [POD, POD_LOG, NODE], [SCALE, PATH]),
        ("resources: [{group: '', resources: ['*']}]", [POD, POD_LOG, NODE], [SCALE]),
        ("resources: [{group: '', resources: [pods]}]", [POD], [POD_LOG, NODE]),
        ("resources: [{group: '', resources: [pods/log]}]", [POD_LOG], [POD]),
        ("resources: [{group: '', resources: ['pods/*']}]", [POD, POD_LOG], [NODE]),
        ("resources: [{group: apps, resources: ['*/scale']}]", [SCALE], [POD, POD_LOG]),
        (
            "resources: [{group: '', resources: [pods], resourceNames: [p]}]",
            [POD],
            [POD._replace(name="q"), POD._replace(name="")],
        ),
        ("resources: [{group: batch}, {group: apps}]", [SCALE], [POD]),
        ("nonResourceURLs: ['/healthz*']", [PATH], [POD]),
        ("nonResourceURLs: ['/healthz/ping']", [PATH], [PATH._replace(path="/healthz")]),
        ("nonResourceURLs: ['/healthz']", [], [PATH]),
        ("nonResourceURLs: ['*']", [PATH], [POD]),
    ],
)
def test_a_rule_matches(
    rule: str, matching: list[AuditedRequest], other: list[AuditedRequest]
) -> None:
    separator = ", " if rule else ""
    policy = load_audit_policy(f"{HEAD}rules: [{{level: Request{separator}{rule}}}]".encode())
    for request in (*matching, *matching):
        assert policy.evaluate(request).level is Level.REQUEST, request
    for request in other:
        assert policy.evaluate(request).level is Level.NONE, request


def test_the_first_rule_that_matches_decides() -> None:
    policy = load_audit_policy(
        f"""{HEAD}
metadata: {{name: any, labels: {{a: b}}}}
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- {{level: None, users: [ann], verbs: [list]}}
- {{level: Metadata, verbs: [list], omitStages: [ResponseStarted], omitManagedFields: false}}
- {{level: RequestResponse}}
""".encode()
    )
    assert policy.evaluate(POD._replace(verb="list")).level is Level.NONE
    second = policy.evaluate(POD._replace(verb="list", user="bob"))
    assert (second.level, second.omit_managed_fields) == (Level.METADATA, False)
    assert second.omit_stages == {"RequestReceived", "ResponseStarted"}
    third = policy.evaluate(POD)
    assert (third.level, third.omit_managed_fields) == (Level.REQUEST_RESPONSE, True)
    assert third.omit_stages == {"RequestReceived"}


def test_names_that_clients_choose_do_not_fill_the_memory() -> None:
    policy = load_audit_policy(
        f"{HEAD}rules: [{{level: Metadata, nonResourceURLs: ['/x*']}}]".encode()
    )
    for number in range(10_000):
        assert policy.evaluate(PATH._replace(path=f"/x{number}")).level is Level.METADATA
    assert len(policy._cached) <= 4096


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty configuration"),
        ("a: [", "yaml: line 1: did not find expected node content"),
        (HEAD.replace("v1", "v1beta1") + "rules: []", 'no kind "Policy" is registered'),
        (HEAD.replace("Policy", "Pod"), 'no kind "Pod" is registered'),
        (HEAD + "rules: []", "loaded illegal policy with 0 rules"),
        (HEAD + "rules: [{}]", "rules[0].level: Required value"),
        (
            HEAD + "rules: [{level: All}]",
            'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", '
            '"Request", "RequestResponse"',
        ),
        (HEAD + "rules: [{level: None, user: [a]}]", 'unknown field "rules[0].user"'),
        (HEAD + "rules: [{level: None, users: a}]", "rules[0].users: Not a valid list"),
        (
            HEAD + "rules: [{level: None, omitStages: [Never]}]",
            'rules[0].omitStages[0]: Unsupported value: "Never"',
        ),
        (HEAD + "omitStages: [x]\nrules: [{level: None}]", "omitStages[0]: Unsupported value"),
        (
            HEAD + "rules: [{level: None, nonResourceURLs: [a]}]",
            'rules[0].nonResourceURLs[0]: Invalid value: "a": non-resource URL rules must begin '
            "with a '/' character",
        ),
        (
            HEAD + "rules: [{level: None, nonResourceURLs: ['/a*b']}]",
            "non-resource URL wildcards '*' must be the final character of the rule",
        ),
        (
            HEAD + "rules: [{level: None, nonResourceURLs: ['/a'], namespaces: [ns]}]",
            "rules cannot apply to both regular resources and non-resource URLs",
        ),
        (
            HEAD + "rules: [{level: None, resources: [{resourceNames: [a]}]}]",
            'rules[0].resources[0].resourceNames: Invalid value: ["a"]: using resourceNames '
            "requires at least one resource",
        ),
        (
            HEAD + "rules: [{level: None, resources: [{group: A_B}]}]",
            'rules[0].resources[0].group: Invalid value: "A_B"',
        ),
    ],
)
def test_policies_that_are_not_valid(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_audit_policy(text.encode())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_decisions_on_long_requests_are_not_kept() -> None:
    policy = AuditPolicy([AuditRule(Level.METADATA)])
    for path in ("/a", "/" + "b" * 2000):
        request = AuditedRequest("jane", (), "get", is_resource=False, path=path)
        assert policy.evaluate(request).level is Level.METADATA
    assert [each.path for each in policy._cached] == ["/a"]
