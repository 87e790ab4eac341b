"""Admission policies: what they say, compiled, and what that means for a write."""
