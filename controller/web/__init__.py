"""The page: what runs a browser is shown and what it may ask for, over HTTP on loopback (docs/reference/web-api.md)."""
