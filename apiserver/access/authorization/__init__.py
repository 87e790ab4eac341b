"""Authorization: allow, deny or no opinion."""
