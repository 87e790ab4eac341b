"""The controllers in /metrics and /readyz."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.unit.server.in_process import server_in_process
from tests.waiting import eventually

NAME = "flow-schema-status"


async def test_queues_and_controllers_have_metrics(tmp_path: Path) -> None:
    async with server_in_process(tmp_path) as api:

        async def read() -> dict[str, float]:
            text = (await api.ask("GET", "/metrics")).body.decode()
            return {
                sample.name: sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if sample.labels.get("name") == NAME
            }

        async def worked() -> bool:
            # The flow schemas that every cluster has are reconciled.
            return (await read())["workqueue_work_duration_seconds_count"] > 0

        await eventually(worked)
        found = await read()
        assert found["running_managed_controllers"] == 1
        assert found["workqueue_adds_total"] >= found["workqueue_queue_duration_seconds_count"] > 0
        assert {"workqueue_depth", "workqueue_retries_total"} <= found.keys()
        text = (await api.ask("GET", "/readyz?verbose")).body.decode()
        assert "[+]controllers ok\n" in text
