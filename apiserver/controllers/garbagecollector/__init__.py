"""Deletes objects whose owners are gone, and finishes foreground deletion and orphaning."""
