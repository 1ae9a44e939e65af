"""The storage target's arm: a real nbdkit, changed at run time, and what it served."""
