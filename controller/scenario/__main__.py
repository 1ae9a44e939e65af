"""Prints the JSON Schema: `python -m controller.scenario > docs/reference/scenario.schema.json`."""

from __future__ import annotations

import json

from controller.scenario import schema

print(json.dumps(schema(), indent=2))
