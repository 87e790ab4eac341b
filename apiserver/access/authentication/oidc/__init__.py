"""OpenID Connect: tokens of issuers elsewhere, and what the server makes of their claims."""
