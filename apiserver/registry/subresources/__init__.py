"""Verbs on subresources, which are below an object but not the object itself."""
