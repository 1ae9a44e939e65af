"""The command line: one verb a file, composed by main.py. Typer and Rich are imported here alone."""
