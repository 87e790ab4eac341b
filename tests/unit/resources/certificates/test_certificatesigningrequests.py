"""CertificateSigningRequests."""

from __future__ import annotations

from base64 import b64encode
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apiserver.machinery.objects import Object
from apiserver.machinery.users import UserInfo
from tests.unit.resources.writing import Kind, Written, merged

KIND = Kind("certificates.k8s.io/v1", "CertificateSigningRequest")


@cache
def pem() -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "u")])
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = request.sign(key, hashes.SHA256())
    return b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


def request(**spec: object) -> Object:
    members = {"request": pem(), "signerName": "example.com/s", "usages": ["client auth"], **spec}
    return {"metadata": {"name": "a"}, "spec": members}


def condition(type_: str, status: str = "True") -> Object:
    return {"type": type_, "status": status}


def decided(made: Written, *conditions: Object) -> Written:
    new = merged(request(), status={"conditions": list(conditions)})
    return KIND.update(made, new, "approval")


MISTAKES = [
    (
        {"request": "AAAA"},
        ['spec.request: Invalid value: "AAAA": PEM block type must be CERTIFICATE REQUEST'],
    ),
    ({"usages": []}, ["spec.usages: Required value"]),
    (
        {"usages": ["client auth", "client auth"]},
        ['spec.usages[1]: Duplicate value: "client auth"'],
    ),
    ({"signerName": None}, ["spec.signerName: Required value"]),
    (
        {"signerName": "x"},
        [
            'spec.signerName: Invalid value: "x": must be a fully qualified domain and path of '
            "the form 'example.com/signer-name'"
        ],
    ),
    (
        {"signerName": "com/s"},
        [
            'spec.signerName: Invalid value: "com": '
            "should be a domain with at least two segments separated by dots"
        ],
    ),
    (
        {"signerName": "kubernetes.io/legacy-unknown"},
        [
            'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": '
            "the legacy signerName is not allowed via this API version"
        ],
    ),
    (
        {"expirationSeconds": 5},
        [
            "spec.expirationSeconds: Invalid value: 5: "
            "may not specify a duration less than 600 seconds (10 minutes)"
        ],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), MISTAKES)
def test_mistakes_are_named(spec: Object, errors: list[str]) -> None:
    assert KIND.create(request(**spec)).errors == errors


def test_a_request_is_that_of_who_makes_it() -> None:
    user = UserInfo("u", groups=("g",), extra={"k": ("v",)})
    made = KIND.strategy.with_requester(request(username="other", uid="x"), user)
    spec = {name: made["spec"].get(name) for name in ("username", "uid", "groups", "extra")}
    assert spec == {"username": "u", "uid": None, "groups": ["g"], "extra": {"k": ["v"]}}


def test_an_update_changes_neither_spec_nor_status() -> None:
    made = KIND.create(request())
    new = merged(request(usages=["any"]), status={"conditions": [condition("Approved")]})
    written = KIND.update(made, new).object
    assert (written["spec"], written["status"]) == (made.object["spec"], made.object["status"])


def test_an_approval_is_dated_and_is_all_that_changes() -> None:
    written = decided(KIND.create(request()), condition("Approved"))
    (approved,) = written.object["status"]["conditions"]
    assert approved.keys() == {"type", "status", "lastUpdateTime", "lastTransitionTime"}
    assert not written.errors


@pytest.mark.parametrize(
    ("conditions", "errors"),
    [
        (
            [condition("Approved"), condition("Denied")],
            [
                'status.conditions: Invalid value: "Denied": '
                "Approved and Denied conditions are mutually exclusive"
            ],
        ),
        (
            [condition("Approved", "False")],
            ['status.conditions[0].status: Unsupported value: "False": supported values: "True"'],
        ),
    ],
)
def test_a_decision_is_one(conditions: list[Object], errors: list[str]) -> None:
    assert decided(KIND.create(request()), *conditions).errors == errors


def test_a_decision_stays() -> None:
    approved = decided(KIND.create(request()), condition("Approved"))
    assert decided(approved).errors == [
        'status.conditions: Forbidden: updates may not remove a condition of type "Approved"'
    ]


def test_the_status_decides_nothing() -> None:
    new = merged(request(), status={"conditions": [condition("Approved")]})
    assert KIND.update(KIND.create(request()), new, "status").errors == [
        'status.conditions: Forbidden: updates may not add a condition of type "Approved"'
    ]


@pytest.mark.parametrize(
    ("types", "shown"),
    [
        ([], "Pending"),
        (["Approved"], "Approved"),
        (["Denied", "Failed"], "Denied,Failed"),
    ],
)
def test_a_row_shows_what_became_of_it(types: list[str], shown: str) -> None:
    written = decided(KIND.create(request(expirationSeconds=3600)), *map(condition, types))
    assert KIND.cells(written)[2:] == ["example.com/s", "", "60m", shown]
