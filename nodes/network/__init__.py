"""What a container does to its own network: takes packets from it, shapes it, cuts it, measures it."""
