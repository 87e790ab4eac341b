"""Applying patch documents to objects. Pure: arguments are never mutated, no state is kept."""
