"""Patch documents -> objects. Pure: what is given is never changed, and nothing is read or kept."""
