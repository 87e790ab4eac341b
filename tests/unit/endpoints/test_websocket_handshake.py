"""Which handshakes of WebSockets are taken."""

from __future__ import annotations

import pytest

from apiserver.endpoints.websocket_handshake import MalformedHandshake, is_websocket, subprotocols

SOUND = {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version": "13"}


@pytest.mark.parametrize(
    ("connection", "upgrade", "wanted"),
    [
        ("Upgrade", "websocket", True),
        ("keep-alive, upgrade", "WebSocket", True),
        ("keep-alive", "websocket", False),
        ("no-upgrade", "websocket", False),
        ("Upgrade", "h2c", False),
        ("Upgrade", "", False),
    ],
)
def test_only_the_upgrade_to_websocket_is_one(connection: str, upgrade: str, wanted: bool) -> None:
    assert is_websocket({"Connection": connection, "Upgrade": upgrade}) is wanted


@pytest.mark.parametrize(("offered", "agreed"), [(None, []), (" ", []), ("a.b+c", ["a.b+c"])])
def test_the_only_protocol_is_agreed_on(offered: str | None, agreed: list[str]) -> None:
    given = {} if offered is None else {"Sec-WebSocket-Protocol": offered}
    assert subprotocols({**SOUND, **given}) == agreed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sec-WebSocket-Key", ""),
        ("Sec-WebSocket-Key", "AAAA"),
        ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAA!=="),
        ("Sec-WebSocket-Key", "\udcff"),
        ("Sec-WebSocket-Version", ""),
        ("Sec-WebSocket-Version", "14"),
        ("Sec-WebSocket-Protocol", "a,b"),
        ("Sec-WebSocket-Protocol", "a b"),
        ("Sec-WebSocket-Protocol", "\udcff"),
    ],
)
def test_anything_else_is_malformed(name: str, value: str) -> None:
    with pytest.raises(MalformedHandshake):
        subprotocols({**SOUND, name: value})
