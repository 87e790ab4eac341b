"""Continue tokens."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiserver.machinery.errors import BadRequest
from apiserver.registry.continuation import INCONSISTENT, Continuation, after, decode

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?", fullmatch=True)


@given(name=NAMES, namespace=NAMES, revision=st.integers(1, 2**62))
def test_a_token_says_where_the_next_page_begins(name: str, namespace: str, revision: int) -> None:
    token = after("/registry/pods/", f"/registry/pods/{namespace}/{name}", revision)
    assert decode(token) == Continuation(f"{namespace}/{name}\0", revision)
    assert "=" not in token


@pytest.mark.parametrize(
    "document",
    [
        {"v": "v2", "rv": 1, "start": "a\0"},
        {"v": "meta.k8s.io/v1", "rv": 0, "start": "a\0"},
        {"v": "meta.k8s.io/v1", "rv": 1, "start": ""},
        {"v": "meta.k8s.io/v1", "rv": 1, "start": "../a\0"},
        {"v": "meta.k8s.io/v1", "rv": 1},
        [],
    ],
)
def test_a_token_of_somebody_elses_making_is_refused(document: object) -> None:
    token = urlsafe_b64encode(orjson.dumps(document)).decode().rstrip("=")
    with pytest.raises(BadRequest, match="invalid continue token"):
        decode(token)


WRONG_TYPES = [
    ({"rv": True}, "bool into Go struct field continueToken.rv of type int64"),
    ({"rv": 2**63}, f"number {2**63} into Go struct field continueToken.rv of type int64"),
    ({"rv": 1.5}, "number 1.5 into Go struct field continueToken.rv of type int64"),
    ({"rv": "7"}, "string into Go struct field continueToken.rv of type int64"),
    ({"start": 7}, "number into Go struct field continueToken.start of type string"),
    ({"v": ["x"]}, "array into Go struct field continueToken.v of type string"),
]


@pytest.mark.parametrize(("members", "message"), WRONG_TYPES)
def test_a_member_of_another_type_is_refused(members: object, message: str) -> None:
    document = {"v": "meta.k8s.io/v1", "rv": 1, "start": "a\0", **members}  # type: ignore[dict-item]
    token = urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
    with pytest.raises(BadRequest, match=f"json: cannot unmarshal {message}"):
        decode(token)


@pytest.mark.parametrize("revision", [-1, -2, -(2**63)])
def test_a_negative_revision_is_the_latest(revision: int) -> None:
    token = Continuation("a\0", revision).encode()
    assert decode(token) == Continuation("a\0", INCONSISTENT)


@pytest.mark.parametrize("token", ["a", "!!!!", "\u00e9", "bm90IGpzb24"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadRequest, match="invalid continue token"):
        decode(token)
