"""Authentication: credentials to UserInfo."""
