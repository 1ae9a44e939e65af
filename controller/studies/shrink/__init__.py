"""The smallest scenario that still ends as a given one does: halving, and delta debugging over its keys."""
