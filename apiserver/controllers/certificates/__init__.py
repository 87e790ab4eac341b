"""CertificateSigningRequests: approved for nodes, signed when approved, and deleted when done."""
