"""Audit: records of requests, their users and their results.

A policy says which requests are recorded, and how much of each (`audit_policy`). A request that is
gets an `AuditEvent`, which those who serve it add to; it is recorded at up to three stages. What is
recorded goes to backends, a file and a webhook, through buffers of limited size (`event_buffer`). A
server without a policy does not use this package.
"""
