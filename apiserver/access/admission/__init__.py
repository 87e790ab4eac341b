"""May this object be written so? What is filled in, and what is refused, by policy."""
