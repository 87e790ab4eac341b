"""How one part of the server reads and writes objects without knowing what serves them."""
