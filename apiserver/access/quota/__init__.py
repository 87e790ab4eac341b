"""Quota evaluation: the usage of objects, the scopes of quotas, and their limits.

Admission charges with it and the controller recalculates with it, so both agree.
"""
