"""Kinds of the group batch: Pods that run to an end, and when."""
