"""Common Expression Language, as in the rules of custom kinds and in admission policies."""
