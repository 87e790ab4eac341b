"""Credentials -> UserInfo: who is asking."""
