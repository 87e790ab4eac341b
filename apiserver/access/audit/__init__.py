"""Audit: who asked for what, when, and what came of it.

A policy says which requests are recorded, and how much of each (`audit_policy`). A request that is
gets an `AuditEvent`, which those who serve it add to; it is recorded at up to three stages. What is
recorded goes to backends, a file and a webhook, through buffers of limited size (`event_buffer`).
Nothing here is asked of a server without a policy.
"""
