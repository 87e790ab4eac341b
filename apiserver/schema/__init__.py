"""Types and schemas of documents, and decoding by them."""
