"""Tokens of ServiceAccounts: signed here, checked here against what is stored now."""
