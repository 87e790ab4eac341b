"""Verbs on what is below an object and is not the object itself."""
