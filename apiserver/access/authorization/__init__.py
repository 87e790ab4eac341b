"""AuthorizationAttributes -> allow, deny or no opinion: what they may do."""
