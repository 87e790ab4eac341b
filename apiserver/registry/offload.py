"""Work on large documents, done in threads beside the event loop.

The loop serves one thing at a time, and what is done with a document takes as long as the document
is: three mebibytes of YAML take seconds to read. All of it (decoding, patching, ownership,
validation, encoding) is pure: it neither waits nor changes what others see. So above `SMALL` bytes
it is handed to a thread. Below, the loop does it at once, in much less than 50 ms.

Python runs one thread at a time and changes between them every `SWITCH` seconds, but only between
two instructions of its own. A single call into a library cannot be interrupted; those that are
given a whole document (to parse, write or compare JSON) do some hundred mebibytes a second. So with
bodies of the allowed size the loop never stands still for long. No more than `THREADS` requests are
worked on like that at a time; the others wait, and their deadlines go on.
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

#: Documents of so many bytes are worked on at once.
SMALL: Final = 48 * 1024
#: How often Python changes between threads that all have work, in seconds.
SWITCH: Final = 0.001
THREADS: Final = 2


async def offload(size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what pure ``work`` on documents of ``size`` bytes returns, or raise what it raises."""
    if size <= SMALL:
        return work(*args, **kwargs)
    loop, context = asyncio.get_running_loop(), copy_context()
    result = await loop.run_in_executor(
        _threads(), lambda: context.run(work, *args, **kwargs)
    )
    # What the thread has noted of the document counts here too.
    empties.take_over(context)
    return result


@cache
def _threads() -> ThreadPoolExecutor:
    sys.setswitchinterval(SWITCH)
    return ThreadPoolExecutor(THREADS, thread_name_prefix="documents")
