"""Ingresses and IngressClasses."""

from __future__ import annotations

import pytest

from apiserver.machinery.objects import Object
from tests.unit.resources.writing import Kind, merged

API = "networking.k8s.io/v1"
KIND, CLASS = Kind(API, "Ingress"), Kind(API, "IngressClass")
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}
INGRESS = {"metadata": {"name": "a"}, "spec": {"defaultBackend": BACKEND}}
INGRESS_CLASS = {"metadata": {"name": "a"}, "spec": {"controller": "example.com/c"}}
PATH = "spec.rules[0].http.paths[0]"


def path(**changes: object) -> Object:
    entry = {"path": "/", "pathType": "Prefix", "backend": BACKEND, **changes}
    return {"rules": [{"http": {"paths": [{k: v for k, v in entry.items() if v is not None}]}}]}


MISTAKES = [
    (
        {"defaultBackend": None},
        ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
    ),
    (
        {"defaultBackend": {"service": None}},
        [
            'spec.defaultBackend: Invalid value: "": resource or service backend is required',
        ],
    ),
    (
        {"defaultBackend": {"service": {"port": {"name": "x"}}}},
        ['spec.defaultBackend: Invalid value: "": cannot set both port name & port number'],
    ),
    (
        {"defaultBackend": {"service": {"name": None, "port": {"number": None}}}},
        [
            "spec.defaultBackend.service.name: Required value",
            "spec.defaultBackend: Required value: port name or number is required",
        ],
    ),
    (
        {"defaultBackend": {"service": None, "resource": {"kind": "", "name": "n"}}},
        ["spec.defaultBackend.resource.kind: Required value"],
    ),
    (path(pathType=None), [f"{PATH}.pathType: Required value: pathType must be specified"]),
    (
        path(pathType="Odd"),
        [
            f'{PATH}.pathType: Unsupported value: "Odd": '
            'supported values: "Exact", "ImplementationSpecific", "Prefix"'
        ],
    ),
    (path(path="x"), [f'{PATH}.path: Invalid value: "x": must be an absolute path']),
    (path(path="/a//b"), [f"{PATH}.path: Invalid value: \"/a//b\": must not contain '//'"]),
    (path(path="/.."), [f"{PATH}.path: Invalid value: \"/..\": cannot end with '/..'"]),
    (path(path=None, pathType="ImplementationSpecific"), []),
    (
        {"rules": [{"host": "192.0.2.1"}]},
        ['spec.rules[0].host: Invalid value: "192.0.2.1": must be a DNS name, not an IP address'],
    ),
    ({"rules": [{"host": "*.example.com"}]}, []),
    (
        {"rules": [{"http": {"paths": []}}]},
        ["spec.rules[0].http.paths: Required value"],
    ),
]

CLASS_MISTAKES = [
    ({"controller": None}, ["spec.controller: Required value"]),
    (
        {"controller": "c"},
        [
            'spec.controller: Invalid value: "c": '
            'must be a domain-prefixed path (such as "acme.io/foo")'
        ],
    ),
    (
        {"parameters": {"kind": "K", "name": "n", "scope": "Namespace"}},
        ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    ),
    (
        {"parameters": {"kind": "K", "name": "n", "namespace": "x"}},
        ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    ),
]


@pytest.mark.parametrize(("spec", "errors"), MISTAKES)
def test_mistakes_are_named(spec: Object, errors: list[str]) -> None:
    assert KIND.create(merged(INGRESS, spec=spec)).errors == errors


def test_a_class_has_one_name() -> None:
    both = merged(
        INGRESS,
        metadata={"annotations": {"kubernetes.io/ingress.class": "x"}},
        spec={"ingressClassName": "y"},
    )
    assert KIND.create(both).errors == [
        'annotations.kubernetes.io/ingress.class: Invalid value: "x": '
        "must match `ingressClassName` when both are specified"
    ]
    assert not KIND.update(KIND.create(INGRESS), both).errors


def test_the_generation_follows_the_spec() -> None:
    made = KIND.create(INGRESS)
    assert made.generation == 1
    status = merged(INGRESS, status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})
    assert KIND.update(made, status, "status").generation == 1
    assert KIND.update(made, merged(INGRESS, spec={"ingressClassName": "x"})).generation == 2


@pytest.mark.parametrize(
    ("hosts", "shown"),
    [
        ([""], "*"),
        (["a", "b"], "a,b"),
        (["a", "b", "c", "d", "e"], "a,b,c + 2 more..."),
    ],
)
def test_a_row_shows_three_hosts(hosts: list[str], shown: str) -> None:
    rules = [{"host": host} if host else {} for host in hosts]
    made = KIND.create(merged(INGRESS, spec={"rules": rules, "tls": [{}]}))
    assert KIND.cells(made)[1:5] == ["<none>", shown, "", "80, 443"]


@pytest.mark.parametrize(("spec", "errors"), CLASS_MISTAKES)
def test_a_class_names_a_controller(spec: Object, errors: list[str]) -> None:
    assert CLASS.create(merged(INGRESS_CLASS, spec=spec)).errors == errors


def test_the_controller_stays() -> None:
    made = CLASS.create(INGRESS_CLASS)
    assert CLASS.update(made, merged(INGRESS_CLASS, spec={"controller": "x.y/z"})).errors == [
        'spec.controller: Invalid value: "x.y/z": field is immutable'
    ]


def test_the_row_of_a_class_marks_the_default() -> None:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"}
    parameters = {"apiGroup": "example.com", "kind": "K", "name": "n"}
    named = merged(INGRESS_CLASS, metadata={"annotations": annotations})
    made = CLASS.create(merged(named, spec={"parameters": parameters}))
    assert CLASS.cells(made)[:3] == ["a (default)", "example.com/c", "K.example.com/n"]


def test_a_row_shows_that_a_group_is_given_even_an_empty_one() -> None:
    parameters = {"apiGroup": "", "kind": "K", "name": "n"}
    made = CLASS.create(merged(INGRESS_CLASS, spec={"parameters": parameters}))
    assert CLASS.cells(made)[2] == "K./n"
