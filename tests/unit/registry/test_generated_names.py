"""Names are generated after mutating admission, for objects without one."""

from __future__ import annotations

from typing import Any

import pytest

from apiserver.access.admission.chain import AdmissionAttributes
from apiserver.machinery.objects import Object, metadata_of, name_of, with_metadata
from tests.unit.cluster import CONFIG_MAPS
from tests.unit.registry.watched import watched_cluster


class Naming:
    """Notes the names that it sees, and gives one if it has one."""

    name = "Naming"

    def __init__(self, given: str) -> None:
        self.given = given
        self.seen: list[tuple[str, str, str]] = []

    def handles(self, operation: str, resource: Any, subresource: str) -> bool:
        return resource == CONFIG_MAPS

    def mutate(self, attributes: AdmissionAttributes, reader: Any) -> Object | None:
        self._note("mutate", attributes)
        assert attributes.object is not None
        return with_metadata(attributes.object, name=self.given) if self.given else None

    def validate(self, attributes: AdmissionAttributes, reader: Any) -> None:
        self._note("validate", attributes)

    def _note(self, phase: str, attributes: AdmissionAttributes) -> None:
        own = metadata_of(attributes.object or {}).get("name", "")
        assert own == attributes.name
        self.seen.append((phase, own, attributes.display_name))


@pytest.mark.parametrize("given", ["", "mine"])
async def test_mutating_admission_sees_the_prefix(given: str) -> None:
    plugin = Naming(given)
    async with watched_cluster(plugin) as cluster:
        document = {"metadata": {"generateName": "a-", "namespace": "ns"}}
        written = await cluster.create(CONFIG_MAPS, document)
        name = name_of(written.stored.object)
    assert name == given or (not given and name.startswith("a-") and len(name) == 7)
    assert plugin.seen == [("mutate", "", "a-"), ("validate", name, name)]
