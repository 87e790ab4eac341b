"""URL -> store: ``memory://``, ``sqlite:///path``, ``http://host:port,https://...`` of etcd."""

from __future__ import annotations

import re
from urllib.parse import unquote

from storage.interface import FeedStore

_SQLITE = "sqlite:///"
_MEMORY = "memory://"
_ETCD = "etcd://"


# The user name and password in front of the host of a URL.
_CREDENTIALS = re.compile(r"(?<=//)[^/@,]*@|(?<=,)[^/@,]*@")


class UnknownStore(ValueError):
    """A URL does not denote a supported store, or contains credentials for etcd."""


async def open_store(
    url: str,
    *,
    cafile: str = "",
    certfile: str = "",
    keyfile: str = "",
    allow_empty: bool = False,
) -> FeedStore[bytes]:
    """Open a store. The TLS files apply to etcd, ``allow_empty`` to SQLite.

    ``sqlite:///relative/path`` and ``sqlite:////absolute/path`` are files; several endpoints of
    etcd are separated by commas. Raises UnknownStore, or the errors of the store itself.
    """
    # Import only the store that is used: importing gRPC alone takes a tenth of a second.
    if url == _MEMORY:
        from storage.memory import MemoryStore

        return MemoryStore()
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        from storage.sqlite.store import SQLiteStore

        path = unquote(url.removeprefix(_SQLITE))
        return await SQLiteStore.open(path, allow_empty=allow_empty)
    if url.startswith(("http://", "https://", _ETCD)):
        from storage.etcd.store import EtcdStore

        if _CREDENTIALS.search(url):
            raise UnknownStore(
                f"{without_credentials(url)}: a user name and a password in the URL of etcd are not"
                " supported, use a client certificate"
            )
        endpoints = url.removeprefix(_ETCD).split(",")
        return await EtcdStore.open(endpoints, cafile=cafile, certfile=certfile, keyfile=keyfile)
    shown = without_credentials(url)
    raise UnknownStore(f"{shown}: expected memory://, sqlite:///PATH or http://HOST:PORT of etcd")


def without_credentials(url: str) -> str:
    """Return one or several comma-separated URLs without user names and passwords."""
    return _CREDENTIALS.sub("", url)
