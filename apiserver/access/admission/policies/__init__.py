"""Admission policies: parsed, compiled, and evaluated for writes."""
