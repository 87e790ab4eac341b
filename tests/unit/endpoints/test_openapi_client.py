"""The names in OpenAPI documents are those of the official client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from apiserver.endpoints.openapi.definitions import Definitions
from apiserver.endpoints.openapi.resource_paths import resource_paths
from apiserver.resources.builtin import builtin_definitions

BUILTIN = builtin_definitions()


# The official client is made from the document of version 2 of a newer Kubernetes.
NEWER = frozenset(["/api/v1/namespaces/{namespace}/pods/{name}/checkpoint"])


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return Definitions()


def client_operations(module: str) -> Iterator[tuple[str, str, str, set[str]]]:
    """Yield method, path, description and parameters of the operations of the official client."""
    spec = find_spec("kubernetes")
    assert spec is not None
    assert spec.origin is not None
    source = (Path(spec.origin).parent / "client" / "api" / f"{module}.py").read_text()
    parts = re.split(r"\n    def (\w+)\(\n", source)
    bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
    for name, body in bodies.items():
        path = re.search(r"resource_path='(.*?)'", body)
        method = re.search(r"method='(.*?)'", body)
        if path and method:
            public = name.removeprefix("_").removesuffix("_serialize")
            text = re.search(rf'"""{public}\n\n(.*?)\n\n', bodies[public], re.DOTALL)
            assert text is not None
            pattern = r"_(?:query_params\.append\(\(|path_params\[)'(\w+)'"
            yield (
                method[1].lower(), path[1], " ".join(text[1].split()),
                set(re.findall(pattern, body)),
            )  # fmt: skip


@pytest.mark.parametrize(
    "module", ["apps_v1_api", "authorization_v1_api", "core_v1_api", "policy_v1_api"]
)
def test_operations_are_those_of_the_official_client(module: str, definitions: Definitions) -> None:
    ours = {
        (operation.method, path.path): (
            operation.description,
            {each.name for each in (*operation.parameters, *path.parameters)},
        )
        for definition in BUILTIN
        for path in resource_paths(definition, definitions.model)
        for operation in path.operations
    }
    compared = 0
    for method, path, description, parameters in client_operations(module):
        if not path.endswith("/") and path not in NEWER:
            assert ours[method, path] == (description, parameters), (method, path)
            compared += 1
    assert compared >= 4
