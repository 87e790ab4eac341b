"""The seats of a request, estimated from stored objects and watches."""

from __future__ import annotations

from pathlib import Path

from apiserver.endpoints.request_info import parse
from apiserver.registry.work_estimating import WorkEstimator
from tests.unit.server.in_process import server_in_process

MAPS = "/api/v1/namespaces/default/configmaps"


async def test_lists_and_writes_take_seats_by_what_is_stored(tmp_path: Path) -> None:
    async with server_in_process(tmp_path) as server:
        for number in range(130):
            await server.ask("POST", MAPS, {"metadata": {"name": f"m{number}"}})
        estimate = WorkEstimator(server.server.registry).estimate
        seats = {
            (verb, query): estimate(
                verb, parse("GET", path), {key: [value] for key, value in query}, 10
            ).most_seats
            for verb, path, query in (
                ("list", MAPS, ()),
                ("list", MAPS, (("limit", "100"),)),
                ("list", MAPS, (("limit", "100"), ("labelSelector", "a=b"))),
                ("list", MAPS, (("fieldSelector", "metadata.name=m1"),)),
                ("list", "/api/v1/namespaces/other/configmaps", (("limit", "1"),)),
                ("watch", MAPS, ()),
                ("watch", MAPS, (("sendInitialEvents", "true"),)),
                ("create", MAPS, ()),
                ("get", "/version", ()),
            )
        }
        assert list(seats.values()) == [2, 1, 2, 1, 1, 1, 2, 1, 1]
        watches = [
            server.server.registry.store.subscribe(f"/registry/configmaps/{folder}", 10**9)
            for folder in ["", "default/"] * 8
        ]
        update = estimate("update", parse("GET", f"{MAPS}/m1"), {}, 10)
        assert (update.seats, update.final_seats, update.final_seconds) == (1, 2, 0.005)
        for watch in watches:
            watch.close()
