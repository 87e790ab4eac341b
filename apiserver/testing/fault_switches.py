"""FaultSwitches: inject faults into a server whose clients do not cooperate.

Every switch takes the same conditions, by name (see `Conditions`), and returns a `Fault`, which is
in force until it is lifted, or has hit as often as it may::

    with faults.refuse(503, verb="create", resource="pods", count=2) as fault:
        ...
    assert len(fault.hits) == 2
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from apiserver.testing.request_log import Request
from apiserver.testing.spans import Span, seconds_of

if TYPE_CHECKING:
    from apiserver.testing.control_client import ControlClient


class Conditions(TypedDict, total=False):
    """Which requests a fault hits; several values of one condition stand for any of them.

    ``user``, ``group`` (of the user), ``verb`` (of RBAC: get, list, watch, create...), ``resource``
    (as in ``pods``, ``deployments.apps``, ``pods/status``), ``namespace``, ``name``, ``path`` and
    ``user_agent`` may contain ``*``. ``skip``: so many are left alone first; ``count``: so many are
    hit at most; ``probability``: each is hit with this one, by random numbers from ``seed``.
    """

    user: str | Sequence[str]
    group: str | Sequence[str]
    verb: str | Sequence[str]
    resource: str | Sequence[str]
    namespace: str | Sequence[str]
    name: str | Sequence[str]
    path: str | Sequence[str]
    user_agent: str | Sequence[str]
    skip: int
    count: int
    probability: float
    seed: int


class Fault:
    """One fault that has been switched on."""

    def __init__(self, control: ControlClient, number: int, action: str) -> None:
        self._control = control
        self._number = number
        self.action = action

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.lift()

    def __repr__(self) -> str:
        return f"<Fault {self._number}: {self.action}>"

    @property
    def hits(self) -> list[Request]:
        """The requests that the fault has hit, in order; the last 10,000."""
        return [Request.of(each) for each in self._control.call("hits", number=self._number)]

    def lift(self) -> None:
        """Switch the fault off; its hits stay known."""
        self._control.call("lift_fault", number=self._number)


class FaultSwitches:
    """The faults of one server."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control

    def refuse(
        self,
        code: int,
        reason: str = "",
        message: str = "",
        *,
        retry_after: int = 0,
        **conditions: Unpack[Conditions],
    ) -> Fault:
        """Answer with a Status of ``code``; by default with the reason that Kubernetes gives it.

        ``retry_after`` is a number of seconds, for the header Retry-After.
        """
        options = {"code": code, "reason": reason, "message": message, "retry_after": retry_after}
        return self._add("refuse", conditions, **options)

    def too_many_requests(self, retry_after: int = 1, **conditions: Unpack[Conditions]) -> Fault:
        """Answer 429 with the header Retry-After."""
        return self.refuse(429, retry_after=retry_after, **conditions)

    def unavailable(self, **conditions: Unpack[Conditions]) -> Fault:
        """Answer 503."""
        return self.refuse(503, **conditions)

    def delay(self, by: Span, **conditions: Unpack[Conditions]) -> Fault:
        """Handle requests only after a time: seconds, or as in ``200ms``."""
        return self._add("delay", conditions, seconds=seconds_of(by))

    def conflict(self, **conditions: Unpack[Conditions]) -> Fault:
        """Answer the next update or patch, or ``count`` of them, with 409 Conflict."""
        given: Conditions = {"verb": ("update", "patch"), "count": 1, **conditions}
        return self._add("conflict", given)

    def drop(self, **conditions: Unpack[Conditions]) -> Fault:
        """Cut the connection of a request before anything has happened."""
        return self._add("drop", conditions)

    def drop_answer(self, **conditions: Unpack[Conditions]) -> Fault:
        """Cut the connection of a request that has taken effect, instead of answering it."""
        return self._add("drop_answer", conditions)

    def truncate(self, size: int | None = None, **conditions: Unpack[Conditions]) -> Fault:
        """Cut the connection after ``size`` bytes of the body, or after one half of it."""
        return self._add("truncate", conditions, size=size)

    def slow(self, over: Span, **conditions: Unpack[Conditions]) -> Fault:
        """Send the body of an answer in small pieces, which take that time together."""
        return self._add("slow", conditions, seconds=seconds_of(over))

    def cut_watch(self, after: int = 0, **conditions: Unpack[Conditions]) -> Fault:
        """Cut the connection of watches when they have had ``after`` more events."""
        return self._add("cut_watch", conditions, after=after)

    def expire_watch(self, **conditions: Unpack[Conditions]) -> Fault:
        """End watches with 410 Expired: those that are open now, and those that resume from now on.

        A watch resumes if it names a resourceVersion other than ``0``.
        """
        return self._add("expire_watch", conditions)

    def skip_bookmarks(self, **conditions: Unpack[Conditions]) -> Fault:
        """Send no bookmarks, not even the one after the initial events."""
        return self._add("skip_bookmarks", conditions)

    def stale_reads(self, revisions: int = 1, **conditions: Unpack[Conditions]) -> Fault:
        """Answer gets and lists with ``resourceVersion=0`` from so many revisions ago."""
        return self._add("stale_reads", conditions, revisions=revisions)

    def expire_continue(self, **conditions: Unpack[Conditions]) -> Fault:
        """Answer the further pages of lists with 410 Expired, as if history had been compacted."""
        return self._add("expire_continue", conditions)

    def expire_token(self, **conditions: Unpack[Conditions]) -> Fault:
        """Answer 401, as if the credentials had expired."""
        return self._add("expire_token", conditions)

    def webhook_timeout(
        self,
        webhook: str = "webhook.example.com",
        *,
        after: Span = 0,
        **conditions: Unpack[Conditions],
    ) -> Fault:
        """Answer writes as if an admission webhook had not answered in time."""
        given: Conditions = {"verb": ("create", "update", "patch", "delete"), **conditions}
        return self._add("webhook_timeout", given, webhook=webhook, seconds=seconds_of(after))

    def clear(self) -> None:
        """Lift every fault."""
        self._control.call("clear_faults")

    def _add(self, action: str, conditions: Conditions, **options: Any) -> Fault:
        given = dict(conditions)
        unknown = given.keys() - Conditions.__annotations__.keys()
        if unknown:
            raise TypeError(f"faults have no condition {', '.join(sorted(unknown))}")
        number = self._control.call("add_fault", action=action, conditions=given, options=options)
        return Fault(self._control, number, action)
