"""Which kinds exist and what is peculiar to each."""
