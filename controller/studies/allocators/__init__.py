"""Recorded requests for packet memory, replayed through any allocator: file, replay, comparison."""
