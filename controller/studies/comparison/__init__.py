"""Runs, or policies of one scenario, side by side: one table of figures, differences with their intervals, one timeline."""
