"""This computer: what it can do, and the testbed on it."""
