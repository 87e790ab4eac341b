"""OpenID Connect: tokens of other issuers, and the users that their claims describe."""
