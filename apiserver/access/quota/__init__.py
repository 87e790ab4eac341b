"""What quotas count: how much an object uses, which quotas it falls under, and what is too much.

Admission charges with it and the controller counts with it, so both mean the same.
"""
