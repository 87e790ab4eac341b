"""MutatingWebhookConfiguration."""

from __future__ import annotations

from apiserver.resources.builtin.admissionregistration.webhooks import (
    WebhookConfigurationStrategy,
)


class MutatingWebhookConfigurationStrategy(WebhookConfigurationStrategy):
    """Its webhooks may change objects, and refuse requests."""

    mutating = True


STRATEGY = MutatingWebhookConfigurationStrategy
