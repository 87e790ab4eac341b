"""Offloading: work on large documents runs in threads, not in the event loop.

The loop runs one task at a time, and the work on a document takes time in proportion to its size:
parsing three MiB of YAML takes seconds. All of this work (decoding, patching, ownership,
validation, encoding) is pure: it neither waits nor changes shared state. So for documents above
`SMALL` bytes it runs in a thread. For smaller ones it runs in the loop, in far less than 50 ms.

Python runs one thread at a time and switches between them every `SWITCH` seconds, but only between
two of its own instructions. A single call into a library cannot be interrupted. What a call on a
whole document (parsing, writing, comparing or freeing it) takes grows with the number of its names
and values, so that is limited (`apiserver.machinery.valuelimit`), and long lists are sorted in runs
(`apiserver.machinery.sorting`): with bodies of the allowed size no call takes more than 50 ms. At
most `THREADS` requests run like this at a time; others wait, and their timeouts continue to run.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import Final, ParamSpec, TypeVar

from apiserver.machinery import empties

P = ParamSpec("P")
R = TypeVar("R")

#: Documents up to this size, in bytes, are processed in the event loop.
SMALL: Final = 48 * 1024
#: Python's switch interval between threads, in seconds; set when work is first offloaded.
SWITCH: Final = 0.001
THREADS: Final = 2


async def offload(size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run pure ``work`` on documents of ``size`` bytes; return its result, or raise its error."""
    if size <= SMALL:
        return work(*args, **kwargs)
    return await in_thread(work, *args, **kwargs)


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run pure ``work`` that takes long whatever the size of its documents."""
    loop, context = asyncio.get_running_loop(), copy_context()
    result = await loop.run_in_executor(_threads(), lambda: context.run(work, *args, **kwargs))
    # Context variables that the thread has set are copied back.
    empties.copy_from(context)
    return result


@cache
def _threads() -> ThreadPoolExecutor:
    sys.setswitchinterval(SWITCH)
    return ThreadPoolExecutor(THREADS, thread_name_prefix="documents")
