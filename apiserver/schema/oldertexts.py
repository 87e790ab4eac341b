"""The documentation of members of older API versions, which tables still show.

Some columns of a table are described by a version of the kind that the server does not serve any
more. The texts are here if they are not those of the served version.
"""

from __future__ import annotations

from typing import Final

_SELECTORS: Final = (
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors"
)
_ROLE_MISSING: Final = "If the RoleRef cannot be resolved, the Authorizer must return an error."

OLDER_TEXTS: Final = {
    "api.certificates.v1beta1.CertificateSigningRequestSpec.request": (
        "Base64-encoded PKCS#10 CSR data"
    ),
    "api.certificates.v1beta1.CertificateSigningRequestSpec.signerName": (
        "Requested signer for the request. It is a qualified name in the form:"
        " `scope-hostname.io/name`. If empty, it will be defaulted:\n"
        " 1. If it's a kubelet client certificate, it is assigned\n"
        '    "kubernetes.io/kube-apiserver-client-kubelet".\n'
        " 2. If it's a kubelet serving certificate, it is assigned\n"
        '    "kubernetes.io/kubelet-serving".\n'
        ' 3. Otherwise, it is assigned "kubernetes.io/legacy-unknown".\n'
        "Distribution of trust for signers happens out of band."
        " You can select on this field using `spec.signerName`."
    ),
    "api.certificates.v1beta1.CertificateSigningRequestStatus.conditions": (
        "Conditions applied to the request, such as approval or denial."
    ),
    "api.discovery.v1beta1.EndpointSlice.addressType": (
        "addressType specifies the type of address carried by this EndpointSlice."
        " All addresses in this slice must be the same type."
        " This field is immutable after creation."
        " The following address types are currently supported: * IPv4: Represents an IPv4 Address."
        " * IPv6: Represents an IPv6 Address. * FQDN: Represents a Fully Qualified Domain Name."
    ),
    "api.discovery.v1beta1.EndpointSlice.ports": (
        "ports specifies the list of network ports exposed by each endpoint in this slice."
        " Each port must have a unique name."
        " When ports is empty, it indicates that there are no defined ports."
        ' When a port is defined with a nil port value, it indicates "all ports".'
        " Each slice may include a maximum of 100 ports."
    ),
    "api.extensions.v1beta1.DaemonSetSpec.selector": (
        "A label query over pods that are managed by the daemon set."
        " Must match in order to be controlled."
        " If empty, defaulted to labels on Pod template."
        f" More info: {_SELECTORS}"
    ),
    "api.extensions.v1beta1.DaemonSetStatus.numberReady": (
        "The number of nodes that should be running the daemon pod and have one or more"
        " of the daemon pod running and ready."
    ),
    "api.extensions.v1beta1.DeploymentSpec.selector": (
        "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be"
        " the ones affected by this deployment."
    ),
    "api.extensions.v1beta1.NetworkPolicySpec.podSelector": (
        "Selects the pods to which this NetworkPolicy object applies.  The array of ingress rules"
        " is applied to any pods selected by this field."
        " Multiple network policies can select the same set of pods.  In this case,"
        " the ingress rules for each are combined additively."
        " This field is NOT optional and follows standard label selector semantics."
        " An empty podSelector matches all pods in this namespace."
    ),
    "api.extensions.v1beta1.ReplicaSetSpec.selector": (
        "Selector is a label query over pods that should match the replica count."
        " If the selector is empty, it is defaulted to the labels present on the pod template."
        " Label keys and values that must match in order to be controlled by this replica set."
        f" More info: {_SELECTORS}"
    ),
    "api.rbac.v1beta1.ClusterRoleBinding.roleRef": (
        f"RoleRef can only reference a ClusterRole in the global namespace. {_ROLE_MISSING}"
    ),
    "api.rbac.v1beta1.RoleBinding.roleRef": (
        "RoleRef can reference a Role in the current namespace or a ClusterRole in the"
        f" global namespace. {_ROLE_MISSING}"
    ),
}
