"""What a document may look like."""
