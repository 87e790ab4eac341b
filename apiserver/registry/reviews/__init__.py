"""Reviews: requests about the identity and the permissions of users. They are not stored."""
