"""Values and the rules about them. No I/O, no async, no other package of ours."""
