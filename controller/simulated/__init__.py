"""A run in virtual time: simulated, judged and kept here and now."""
