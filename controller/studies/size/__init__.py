"""How large must the reserve be? Found by simulation, and derived as a sum, side by side."""
