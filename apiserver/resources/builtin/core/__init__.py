"""The group with no name."""
