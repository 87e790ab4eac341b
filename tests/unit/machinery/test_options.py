"""Options in the query."""

from __future__ import annotations

import pytest

from apiserver.machinery.errors import BadRequest, Invalid
from apiserver.machinery.options import DeleteOptions, delete_options, list_options


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ({}, DeleteOptions()),
        ({"uid": [""], "resourceVersion": [""]}, DeleteOptions()),
        ({"orphanDependents": [""]}, DeleteOptions(orphan_dependents=True)),
        (
            {"propagationPolicy": ["Orphan", "Foreground"]},
            DeleteOptions(propagation_policy="Orphan"),
        ),
    ],
)
def test_parameters_are_options(query: dict[str, list[str]], options: DeleteOptions) -> None:
    assert delete_options(query) == options


def test_an_empty_policy_is_none_that_is_known() -> None:
    with pytest.raises(Invalid, match=r'propagationPolicy: Unsupported value: ""'):
        delete_options({"propagationPolicy": [""]})


def test_of_two_numbers_that_are_none_the_timeout_is_reported() -> None:
    with pytest.raises(BadRequest) as error:
        list_options({"limit": ["one"], "timeoutSeconds": ["soon"]})
    assert error.value.message == 'strconv.ParseInt: parsing "soon": invalid syntax'
