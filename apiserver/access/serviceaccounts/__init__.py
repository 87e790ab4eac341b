"""Service account tokens: signing, and verification against stored objects."""
