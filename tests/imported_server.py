"""Imports a server, in the process that the servers of tests are forked from."""

from __future__ import annotations

import gc
from importlib import import_module

gc.disable()
for each in ("server.workers", "endpoints.openapi.service"):
    import_module(f"apiserver.{each}")
for each in ("memory", "sqlite.store", "etcd.store"):
    import_module(f"storage.{each}")
gc.collect()
# None of this is garbage in any fork; a collection would write to memory that they share.
gc.freeze()
