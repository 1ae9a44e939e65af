"""The controller's daemon: knows the nodes, carries out runs, records everything, answers operators."""
