"""Admission: plugins that default and reject objects by policy."""
