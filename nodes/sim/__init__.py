"""The simulator: machines, links, targets and floods in virtual time, from one seed."""
