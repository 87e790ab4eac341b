"""Kinds of the group apps: what keeps Pods running."""
