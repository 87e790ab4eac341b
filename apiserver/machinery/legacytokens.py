"""Tokens of ServiceAccounts in Secrets: when they were last used, and since when they are invalid.

Both are labels with dates. A ConfigMap has the date since which the use of tokens is tracked. See
KEP-2799.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

#: The type of such Secrets, and the annotations that name the account.
TOKEN_TYPE: Final = "kubernetes.io/service-account-token"
ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"
LAST_USED: Final = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE: Final = "kubernetes.io/legacy-token-invalid-since"
TRACKING_NAMESPACE: Final = "kube-system"
TRACKING_NAME: Final = "kube-apiserver-legacy-service-account-token-tracking"
SINCE: Final = "since"


def day_of(seconds: float, *, days: int = 0) -> str:
    """Return the date in UTC of a time in seconds since 1970, some days later."""
    return (datetime.fromtimestamp(seconds, UTC).date() + timedelta(days)).isoformat()


def parse_day(text: str) -> date | None:
    """Return a date, ``None`` for another text."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # Other forms of dates, such as weeks, are not compared as texts.
    return found if found.isoformat() == text else None
