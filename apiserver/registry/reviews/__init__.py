"""Reviews: questions about who somebody is and what they may do, answered and forgotten."""
