"""Torture: random scenarios, policies and faults, and what must hold in every one of them."""
