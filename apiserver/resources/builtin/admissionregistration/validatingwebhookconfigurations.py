"""ValidatingWebhookConfiguration."""

from __future__ import annotations

from apiserver.resources.builtin.admissionregistration.webhooks import (
    WebhookConfigurationStrategy,
)


class ValidatingWebhookConfigurationStrategy(WebhookConfigurationStrategy):
    """Its webhooks may refuse requests."""


STRATEGY = ValidatingWebhookConfigurationStrategy
