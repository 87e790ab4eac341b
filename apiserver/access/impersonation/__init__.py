"""Impersonation: a request on behalf of another user."""
