"""Every failure gives a Status as Kubernetes words it."""

from __future__ import annotations

import logging

import pytest

from apiserver.endpoints.errors import status_error
from apiserver.machinery.errors import Gone
from storage.errors import Corrupt


def test_what_has_a_status_keeps_it() -> None:
    refusal = Gone("it is not there any more")
    assert status_error(refusal) is refusal


def test_what_cannot_be_read_names_its_key(caplog: pytest.LogCaptureFixture) -> None:
    """It is read when it is sent, which is when that is found out."""
    error = status_error(Corrupt("/registry/configmaps/a/b", "it is not JSON"))
    body = error.status()
    assert (body["code"], body["reason"]) == (500, "StorageReadError")
    assert "/registry/configmaps/a/b: it is not JSON" in body["message"]
    assert not caplog.records


def test_what_nobody_has_put_into_words_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        error = status_error(KeyError("secret"))
    assert (error.code, error.status()["message"]) == (500, "Internal error occurred: KeyError")
    assert caplog.records[0].exc_info is not None
