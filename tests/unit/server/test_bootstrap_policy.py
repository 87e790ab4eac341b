"""The default roles and bindings: what every one of them allows, and what it does not."""

from __future__ import annotations

import pytest

from apiserver.access.authorization.authorizer import AuthorizationAttributes, Verdict
from apiserver.access.authorization.policy_rules import CompiledRules, PathProbe
from apiserver.access.authorization.rbac_authorizer import RBACAuthorizer
from apiserver.access.authorization.rbac_index import RBACIndex, binding_of
from apiserver.machinery.objects import Object, name_of, namespace_of
from apiserver.machinery.users import ANONYMOUS, UserInfo
from apiserver.resources.builtin.kinds import builtin_catalog
from apiserver.resources.builtin.rbac.bootstrap import bootstrap_policy
from apiserver.server.rbac_reconciliation import is_left_alone, is_rebound, reconciled
from tests.unit.access.test_rbac import Roles, probe, rule

POLICY = bootstrap_policy()
RULES = {
    f"{namespace_of(role)}/{name_of(role)}": CompiledRules(role["rules"] or ())
    for role in (*POLICY.clusterroles, *POLICY.roles)
}
C = "/system:controller:"
ALL = "escalate rbac.authorization.k8s.io clusterroles"


# By role something that it allows, and something like it that it does not.
TRIED = [
    ("/cluster-admin", ALL, ""),
    ("/system:basic-user", "create authentication.k8s.io selfsubjectreviews",
     "create authentication.k8s.io tokenreviews"),
    ("/system:aggregate-to-admin", "create rbac.authorization.k8s.io roles",
     "create rbac.authorization.k8s.io clusterroles"),
    ("/system:aggregate-to-edit", "create core pods/exec", "create core pods/status"),
    ("/system:aggregate-to-view", "watch core configmaps", "get core secrets"),
    ("/system:heapster", "list core nodes", "delete core nodes"),
    ("/system:node", "get core secrets", "create core secrets"),
    ("/system:node-problem-detector", "patch core nodes/status", "patch core nodes"),
    ("/system:kubelet-api-admin", "create core nodes/proxy", "create core nodes"),
    ("/system:node-bootstrapper", "create certificates.k8s.io certificatesigningrequests",
     "update certificates.k8s.io certificatesigningrequests"),
    ("/system:auth-delegator", "create authentication.k8s.io tokenreviews",
     "create authorization.k8s.io localsubjectaccessreviews"),
    ("/system:kube-aggregator", "list core services", "list core pods"),
    ("/system:kube-controller-manager",
     "update coordination.k8s.io leases kube-controller-manager",
     "update coordination.k8s.io leases kube-scheduler"),
    ("/system:kube-dns", "list core endpoints", "get core endpoints"),
    ("/system:persistent-volume-provisioner", "create core persistentvolumes",
     "patch core persistentvolumes"),
    ("/system:certificates.k8s.io:certificatesigningrequests:nodeclient",
     "create certificates.k8s.io certificatesigningrequests/nodeclient",
     "create certificates.k8s.io certificatesigningrequests/selfnodeclient"),
    ("/system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
     "create certificates.k8s.io certificatesigningrequests/selfnodeclient",
     "create certificates.k8s.io certificatesigningrequests/nodeclient"),
    ("/system:volume-scheduler", "patch core persistentvolumes",
     "delete core persistentvolumes"),
    *(
        (f"/system:certificates.k8s.io:{name}-approver",
         f"approve certificates.k8s.io signers kubernetes.io/{name}",
         "approve certificates.k8s.io signers kubernetes.io/other")
        for name in ("legacy-unknown", "kubelet-serving", "kube-apiserver-client",
                     "kube-apiserver-client-kubelet")
    ),
    ("/system:node-proxier", "watch discovery.k8s.io endpointslices", "update core endpoints"),
    ("/system:kube-scheduler", "create core pods/binding", "create core pods"),
    (f"{C}attachdetach-controller", "patch core nodes/status", "patch core nodes"),
    (f"{C}certificate-controller",
     "sign certificates.k8s.io signers kubernetes.io/legacy-unknown",
     "approve certificates.k8s.io signers kubernetes.io/legacy-unknown"),
    (f"{C}clusterrole-aggregation-controller", ALL, "escalate rbac.authorization.k8s.io roles"),
    (f"{C}cronjob-controller", "create batch jobs", "create batch cronjobs"),
    (f"{C}daemon-set-controller", "update apps daemonsets/status", "update apps daemonsets"),
    (f"{C}deployment-controller", "delete apps replicasets", "delete apps deployments"),
    (f"{C}device-taint-eviction-controller", "delete core pods", "create core pods"),
    (f"{C}disruption-controller", "get x things/scale", "update x things/scale"),
    (f"{C}endpoint-controller", "create core endpoints/restricted", "create core services"),
    (f"{C}endpointslice-controller", "update core services/finalizers", "update core services"),
    (f"{C}endpointslicemirroring-controller", "update core endpoints/finalizers",
     "update core endpoints"),
    (f"{C}ephemeral-volume-controller", "create core persistentvolumeclaims",
     "delete core persistentvolumeclaims"),
    (f"{C}expand-controller", "patch core persistentvolumes",
     "patch core persistentvolumeclaims"),
    (f"{C}generic-garbage-collector", "delete any things", "create any things"),
    (f"{C}horizontal-pod-autoscaler", "update x things/scale", "update x things"),
    (f"{C}job-controller", "create core pods", "create batch jobs"),
    (f"{C}legacy-service-account-token-cleaner", "delete core secrets", "get core secrets"),
    (f"{C}namespace-controller", "deletecollection any things", "update any things"),
    (f"{C}node-controller", "delete core nodes", "create core nodes"),
    (f"{C}persistent-volume-binder", "update core persistentvolumes/status",
     "get core secrets"),
    (f"{C}pod-garbage-collector", "delete core pods", "delete core nodes"),
    (f"{C}pv-protection-controller", "update core persistentvolumes",
     "delete core persistentvolumes"),
    (f"{C}pvc-protection-controller", "update core persistentvolumeclaims",
     "delete core persistentvolumeclaims"),
    (f"{C}replicaset-controller", "delete core pods", "delete apps replicasets"),
    (f"{C}replication-controller", "delete core pods", "delete core replicationcontrollers"),
    (f"{C}resource-claim-controller", "patch resource.k8s.io resourceclaims/binding",
     "patch resource.k8s.io resourceslices"),
    (f"{C}resourcequota-controller", "list any things", "get any things"),
    (f"{C}root-ca-cert-publisher", "create core configmaps", "delete core configmaps"),
    (f"{C}route-controller", "patch core nodes/status", "patch core nodes"),
    (f"{C}selinux-warning-controller", "get storage.k8s.io csidrivers", "update core pods"),
    (f"{C}service-account-controller", "create core serviceaccounts",
     "delete core serviceaccounts"),
    (f"{C}service-ca-cert-publisher", "update core configmaps", "get core secrets"),
    (f"{C}service-cidrs-controller", "patch networking.k8s.io servicecidrs/status",
     "delete networking.k8s.io servicecidrs"),
    (f"{C}service-controller", "patch core services/status", "patch core services"),
    (f"{C}statefulset-controller", "delete core persistentvolumeclaims",
     "delete apps statefulsets"),
    (f"{C}ttl-after-finished-controller", "delete batch jobs", "create batch jobs"),
    (f"{C}ttl-controller", "patch core nodes", "delete core nodes"),
    (f"{C}validatingadmissionpolicy-status-controller",
     "patch admissionregistration.k8s.io validatingadmissionpolicies/status",
     "patch admissionregistration.k8s.io validatingadmissionpolicies"),
    (f"{C}volumeattributesclass-protection-controller",
     "update storage.k8s.io volumeattributesclasses",
     "delete storage.k8s.io volumeattributesclasses"),
    ("kube-public/system:controller:bootstrap-signer", "update core configmaps cluster-info",
     "update core configmaps other"),
    ("kube-system/extension-apiserver-authentication-reader",
     "get core configmaps extension-apiserver-authentication", "get core configmaps other"),
    *(
        (f"kube-system/system::leader-locking-{name}", "update coordination.k8s.io leases",
         "delete coordination.k8s.io leases")
        for name in ("kube-controller-manager", "kube-scheduler")
    ),
    ("kube-system/system:controller:bootstrap-signer", "get core secrets",
     "delete core secrets"),
    ("kube-system/system:controller:cloud-provider", "create core configmaps",
     "update core configmaps"),
    ("kube-system/system:controller:token-cleaner", "delete core secrets",
     "create core secrets"),
    ("/system:monitoring", "get core nodes/metrics", "get core nodes/proxy"),
    ("/system:discovery", "/openapi/v3", "/metrics"),
    ("/system:public-info-viewer", "/healthz", "/healthz/etcd"),
    ("/system:service-account-issuer-discovery", "/openid/v1/jwks", "/openid/v1/jwks/more"),
    ("/admin", "", "get core pods"),
    ("/edit", "", "get core pods"),
    ("/view", "", "get core pods"),
]  # fmt: skip


@pytest.mark.parametrize(("role", "allowed", "refused"), TRIED)
def test_every_default_role_allows_its_own_and_no_more(
    role: str, allowed: str, refused: str
) -> None:
    rules = RULES[role]
    assert not allowed or _allows(rules, allowed)
    assert not refused or not _allows(rules, refused)


def _allows(rules: CompiledRules, text: str) -> bool:
    if text.startswith("/"):
        return rules.allows_path(PathProbe("get", text))
    return rules.allows(probe(text))


def test_no_default_role_is_left_out_above() -> None:
    assert RULES.keys() == {role for role, _, _ in TRIED}


def test_every_binding_names_an_existing_role_and_every_controller_is_bound() -> None:
    bound = set()
    for binding in (*POLICY.clusterrolebindings, *POLICY.rolebindings):
        key = f"{namespace_of(binding)}/{binding['roleRef']['name']}"
        assert key in RULES
        bound.add(key)
    assert {key for key in RULES if key.startswith(C)} <= bound


def test_who_elects_leaders_has_the_leases_of_the_controller_manager_only() -> None:
    elector = ("kube-system", "leader-election-controller")
    bound = {
        binding["roleRef"]["name"]
        for binding in POLICY.rolebindings
        for subject in binding["subjects"]
        if (subject.get("namespace"), subject["name"]) == elector
    }
    assert bound == {"system::leader-locking-kube-controller-manager"}


def test_the_resources_of_the_default_roles_exist() -> None:
    """A mistyped resource would grant nothing, and be noticed by nobody."""
    known = {definition.resource for definition in builtin_catalog().definitions()}
    # What is not stored, or not by default.
    known |= {"signers", "leasecandidates", "*"}
    named = {
        resource.partition("/")[0]
        for role in (*POLICY.clusterroles, *POLICY.roles)
        for each in role["rules"] or ()
        for resource in each.get("resources", ())
    }
    assert named <= known


@pytest.mark.parametrize(
    ("user", "asked", "allowed"),
    [
        (ANONYMOUS, "/readyz", True),
        (ANONYMOUS, "/api", False),
        (UserInfo("jane", groups=("system:authenticated",)), "/api/v1", True),
        (UserInfo("jane", groups=("system:authenticated",)), "/metrics", False),
        (UserInfo("p", groups=("system:monitoring",)), "/metrics", True),
        (UserInfo("system:kube-scheduler"), "create core pods/binding", True),
        (UserInfo("system:kube-scheduler"), "patch core persistentvolumes", True),
        (UserInfo("system:kube-scheduler"), "create coordination.k8s.io leasecandidates", True),
        (
            UserInfo("system:kube-controller-manager"),
            "create coordination.k8s.io leasecandidates",
            False,
        ),
        (UserInfo("system:kube-proxy"), "list core services", True),
        (UserInfo("system:serviceaccount:kube-system:job-controller"), "create core pods", True),
        (UserInfo("system:serviceaccount:default:job-controller"), "create core pods", False),
        (UserInfo("system:node:n", groups=("system:nodes",)), "get core secrets", False),
    ],
)
async def test_the_default_bindings_give_the_roles_to_their_users(
    user: UserInfo, asked: str, *, allowed: bool
) -> None:
    index = RBACIndex()
    for key, rules in RULES.items():
        namespace, _, name = key.partition("/")
        index.put_role((namespace, name), rules)
    for binding in (*POLICY.clusterrolebindings, *POLICY.rolebindings):
        index.put_binding(binding_of(binding))
    if asked.startswith("/"):
        attributes = AuthorizationAttributes(user, "get", asked, is_resource_request=False)
    else:
        verb, group, resource = asked.split()
        resource, _, subresource = resource.partition("/")
        attributes = AuthorizationAttributes(
            user,
            verb,
            "",
            is_resource_request=True,
            group="" if group == "core" else group,
            resource=resource,
            subresource=subresource,
        )
    decision = await RBACAuthorizer(index, Roles({})).authorize(attributes)
    assert (decision.verdict is Verdict.ALLOW) == allowed


def _role(*rules: Object, **annotations: str) -> Object:
    metadata = {"name": "r", "labels": {"a": "b"}, "annotations": {"c": "d", **annotations}}
    return {"metadata": metadata, "rules": list(rules)}


def test_what_is_missing_is_added_and_what_is_there_is_kept() -> None:
    wanted = _role(rule("get list", "pods"))
    assert reconciled(wanted, wanted) is None
    # Wider rules cover the default ones.
    assert reconciled(_role(rule("*", "*", "*")), wanted) is None
    mine = _role(rule("get watch", "pods"))
    assert (reconciled(mine, wanted) or {})["rules"] == [*mine["rules"], rule("list", "pods")]
    bare = {"metadata": {"name": "r", "labels": {"x": "y"}}, "rules": None}
    done = reconciled(bare, wanted) or {}
    assert done["metadata"] == {
        "name": "r", "labels": {"x": "y", "a": "b"}, "annotations": {"c": "d"},
    }  # fmt: skip
    assert done["rules"] == [rule("get", "pods"), rule("list", "pods")]


def test_subjects_and_selectors_are_completed_too() -> None:
    one, two = {"kind": "User", "name": "a"}, {"kind": "User", "name": "b"}
    metadata = {"name": "b", "labels": {}, "annotations": {}}
    reference = {"kind": "Role", "name": "r"}
    wanted = {"metadata": metadata, "subjects": [one, two], "roleRef": reference}
    mine = {"metadata": metadata, "subjects": [two], "roleRef": reference}
    assert (reconciled(mine, wanted) or {})["subjects"] == [two, one]
    assert reconciled({**mine, "subjects": [two, one]}, wanted) is None
    assert not is_rebound(mine, wanted)
    assert is_rebound({**mine, "roleRef": {"kind": "Role", "name": "other"}}, wanted)
    selector = {"matchLabels": {"to": "admin"}}
    rule_ = {"clusterRoleSelectors": [selector]}
    gathering = {"metadata": metadata, "aggregationRule": rule_, "rules": None}
    done = reconciled({"metadata": metadata, "rules": [rule("get", "pods")]}, gathering) or {}
    assert (done["aggregationRule"], done["rules"]) == (rule_, [rule("get", "pods")])


def test_an_object_can_be_exempted() -> None:
    key = "rbac.authorization.kubernetes.io/autoupdate"
    assert is_left_alone(_role(**{key: "false"}))
    assert not is_left_alone(_role(**{key: "true"}))
    assert not is_left_alone({"metadata": {"name": "r"}})
