"""HTTP on the outside, values on the inside."""
