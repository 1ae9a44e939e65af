"""Prints the JSON Schema: `python -m controller.experiment.scenario > docs/reference/scenario.schema.json`."""

from __future__ import annotations

import json

from controller.experiment.scenario import schema

print(json.dumps(schema(), indent=2))
