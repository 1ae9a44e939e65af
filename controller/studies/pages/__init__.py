"""Pages of which a part is made by a command."""
