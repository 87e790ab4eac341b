"""The context of a request: its user, its target, and the warnings of its response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from apiserver.access.admission.chain import drop_annotation
from apiserver.machinery.users import UserInfo


@dataclass(slots=True)
class RequestContext:
    """One request on one resource: the user, the target, and the warnings collected so far."""

    user: UserInfo
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    user_agent: str = ""
    warnings: list[str] = field(default_factory=list)
    #: The size of the request's body, in bytes.
    size: int = 0
    #: Adds an annotation, key and value, to the audit event.
    annotate: Callable[[str, str], None] = drop_annotation
    #: The same for events of the level Request or a higher one.
    annotate_at_request_level: Callable[[str, str], None] = drop_annotation
    #: Until when the request must be answered, in the time of the event loop.
    deadline: float | None = None
    #: Returns a context in which the request is cancelled if its client disconnects.
    cancellable: Callable[[], AbstractContextManager[None]] = nullcontext
    #: The object is one of a collection: no request names it.
    in_collection: bool = False
    #: Raises Forbidden if the user may not create the object, for writes that may do so.
    authorize_create: Callable[[], Awaitable[None]] | None = None

    def warn(self, text: str) -> None:
        """Add a warning to the response; a repeated warning is sent once."""
        self.warnings.append(text)
