"""Junk traffic: what a flood is (`profiles`, pure) and how Locust carries it out (`locustfile`)."""
