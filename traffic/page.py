"""Locust's start page, dressed for this testbed: it says what Start will do and what failures are, and shows nothing that
has no use here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

NOTE_ID = "netreserve-note"
STYLE = """<style>
  /* every flood has targets of its own, so that there is no host to fill in; and no advertisement */
  .MuiFormControl-root:has(input[name="host"]), a[href*="aka.ms"] { display: none !important; }
  #netreserve-note { max-width: 850px; margin: 12px auto 0; padding: 0 24px; font: 15px/1.5 sans-serif; }
</style>"""


def dressed(page: str, fields: Mapping[str, object]) -> str:
    """`page` (Locust's index.html) with our note in front; `fields`: what the form is filled with."""
    told = {name: escape(str(value)) for name, value in fields.items()}
    note = (
        f'<section id="{NOTE_ID}"><b>Start</b> sends {told["rate"]} of {told["kind"]} junk, {told["size"]} each, to'
        f" {told['targets']} for {told['seconds']} s. <i>Custom parameters</i> change that. The controller records what it"
        " does to the machines: <code>netreserve report --wait</code> tells.<br><b>Failures</b> are junk that was lost"
        " before it reached anybody: nobody listened, a stream was blocked, or the sender was held up. What a machine"
        " dropped is in the report.</section>"
    )
    return page.replace("</head>", f"{STYLE}</head>", 1).replace('<div id="root">', f'{note}<div id="root">', 1)
