"""Paths in the dialect of kubectl: their values, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.machinery.jsonpath import MAX_VALUES, JSONPathError
from apiserver.machinery.jsonpathsyntax import JSONPathSyntaxError, parse_jsonpath

DOCUMENT: dict[str, Any] = {
    "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x", "b": "y"}},
    "spec": {
        "size": 3,
        "none": None,
        "names": ["x", "y", "z"],
        "ports": [{"name": "http", "port": 80}, {"name": "https", "port": 443}],
        "empty": [],
    },
    "status": {
        "conditions": [
            {"type": "Other", "status": "False", "rank": 1},
            {"type": "Ready", "status": "True", "rank": 2, "ok": True},
        ]
    },
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".metadata.name", ["a"]),
        ("$.metadata.name", ["a"]),
        (".spec.none", [None]),
        (".spec.missing.deep", []),
        (".spec.names.deep", []),
        ("['metadata']['name']", ["a"]),
        (r".metadata.labels.app\.kubernetes\.io/name", ["x"]),
        (r".metadata.labels['app\.kubernetes\.io/name']", ["x"]),
        (".metadata.labels.*", ["x", "y"]),
        (".spec.names[*]", ["x", "y", "z"]),
        (".spec.names[0]", ["x"]),
        (".spec.names[-1]", ["z"]),
        (".spec.names[-2:]", ["y", "z"]),
        (".spec.names[1:2]", ["y"]),
        (".spec.names[:2]", ["x", "y"]),
        (".spec.names[::2]", ["x", "z"]),
        (".spec.names[0:-1]", ["x", "y"]),
        (".spec.names[2,0]", ["z", "x"]),
        (".spec.ports[0]['port','name']", [80, "http"]),
        (".spec.ports[*].port", [80, 443]),
        (".spec.empty[*]", []),
        (".spec.none[0]", []),
        ("..port", [80, 443]),
        (".spec..name", ["http", "https"]),
        (".spec.names..", [["x", "y", "z"], "x", "y", "z"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type=='Ready')].status", ["True"]),
        ('.status.conditions[?(@.type!="Ready")].status', ["False"]),
        (".status.conditions[?(@.rank>1)].type", ["Ready"]),
        (".status.conditions[?(@.rank<=1)].type", ["Other"]),
        (".status.conditions[?(@.ok)].type", ["Ready"]),
        ('.status.conditions[?(@.type=="a)b")].status', []),
        (r'.status.conditions[?(@.type=="R\x65ady")].status', ["True"]),
        (".spec.names[0].*", [120]),
        # An error after a value was found is taken for the existence of the value.
        (".spec.ports[?(@.name[0])].port", [80, 443]),
    ],
)
def test_a_path_has_values(path: str, values: list[Any]) -> None:
    assert parse_jsonpath(path).find(DOCUMENT) == values


@pytest.mark.parametrize(
    "path",
    [
        ".spec.names[3]",
        ".spec.names[-4]",
        ".spec.names[0:4]",
        ".spec.names[2:1]",
        ".spec.names[::0]",
        ".spec.empty[0]",
        ".spec.size[0]",
        ".spec.size[?(@.a)]",
        ".status.conditions[?(@.ok==true)]",
        ".status.conditions[?(@.rank==1.0)]",
        ".status.conditions[?(@.rank=1)]",
        ".status.conditions[?(@.type==@.rank)]",
        ".spec.ports[?(@==1)]",
        ".spec.size end",
    ],
)
def test_a_path_may_not_fit_a_document(path: str) -> None:
    with pytest.raises(JSONPathError):
        parse_jsonpath(path).find(DOCUMENT)


@pytest.mark.parametrize(
    "path",
    [
        "[",
        ".a[",
        ".a[b]",
        ".a[1:2:3:4]",
        ".a[?(@.b)",
        ".a[?(@.b",
        '.a[?(@.b=="c)]',
        ".a....b",
        "..*",
        ".a}",
        '"a',
        r'"\q"',
        r'"\UFFFFFFFF"',
        "1.2.3",
        ".a\\",
        "(",
        "-",
    ],
)
def test_a_text_may_be_no_path(path: str) -> None:
    with pytest.raises(JSONPathSyntaxError):
        parse_jsonpath(path)


def test_descents_that_multiply_values_are_refused() -> None:
    deep: Any = 1
    for _ in range(MAX_VALUES // 100):
        deep = {"a": deep}
    with pytest.raises(JSONPathError, match="too many values"):
        parse_jsonpath("..a..a..a").find(deep)
    nested: Any = 1
    for _ in range(20):
        nested = [nested]
    with pytest.raises(JSONPathError, match="too many values"):
        parse_jsonpath("[*,*]" * 20).find(nested)
