"""Synthetic records of requests."""

from __future__ import annotations

from apiserver.access.audit.audit_event import AuditEvent, AuditRecord
from apiserver.access.audit.audit_policy import RESPONSE_COMPLETE, AuditRule, Level
from apiserver.machinery.users import UserInfo

ANN = UserInfo("ann", "1", ("devs", 'the "best"'), {"scopes": ("a", "b")})


def event(level: Level = Level.METADATA, *, omit_managed_fields: bool = False) -> AuditEvent:
    """Return the draft of a request of Ann for a Pod."""
    rule = AuditRule(level, omit_managed_fields=omit_managed_fields)
    draft = AuditEvent("id", rule, ANN, 1_700_000_000.25)
    draft.set_request("/api/v1/namespaces/n/pods/p?a=b", "get", ["1.2.3.4"], "kubectl")
    draft.set_object_ref({"resource": "pods", "namespace": "n", "name": "", "apiVersion": "v1"})
    return draft


def record(text: str = "", size: int = 0) -> AuditRecord:
    """Return a record with a text in its annotations, taken to be of a size."""
    draft = event()
    if text:
        draft.annotate("text", text)
    made = draft.at_stage(RESPONSE_COMPLETE, 1_700_000_001.5)
    made.size += size
    return made
