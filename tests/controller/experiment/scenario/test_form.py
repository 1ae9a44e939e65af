"""Goal: whatever stands at a key, a scenario is read or refused with the line, and what is read can be planned.

Method: one scenario with every key in it, and at any of its places a value that YAML has many ways to write: numbers that no
float holds, tags, escapes, quantities from nothing to far too much.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.experiment.plan import plan
from controller.experiment.planwords import described
from controller.experiment.scenario import ScenarioErrors, dump, parse
from controller.experiment.scenario.fields import Kind, Many, Named, OneOf, Table
from controller.experiment.scenario.form import SCENARIO, PolicyForm
from nodes.units import BIT_UNITS, PACKET_UNITS, PAGE_UNITS, SIZE_UNITS, TIME_UNITS

EVERYTHING = """\
name: everything
about: every key of a scenario
nodes:
  initiator: {sender: noio, storage_nic: e1000, guest: {kernel: trixie-amd64, boost_factor: 0}}
links: {storage: {rate: 1 Gbit, delay: 1 ms}, data: {delay: 1 ms}}
policy: {name: netmem, era: today, socket_floor: 4 KiB}
floods: [{kind: udp, rcvbuf: 1 MiB, duration: 1 s, stopped: 500 ms}, {kind: tcp, burst: 2 ms}]
faults:
  - {kind: cut, at: 1 s, duration: 1 s}
  - {kind: shape, at: 3 s, duration: 1 s, rate: 1 Mbit, delay: 2 ms, jitter: 1 ms, loss: 1 %, reorder: 1 %, duplicate: 1 %}
  - {kind: target, at: 1 s, duration: 1 s, latency: 1 ms, rate: 1 Mbit, error: 1 %, stalled: true, down: false}
  - {kind: policy, at: 1 s, duration: 1 s, policy: mainline}
  - {kind: min_free, at: 1 s, min_free: 2 MiB}
rescue: [{policy: memalloc}, {min_free: 2 MiB}]
expect:
  - {verdict: healthy, node: initiator}
  - {metric: recovery_s, above: 1, below: 10}
  - sometimes: free_pages > 0
  - always: free_pages > 0
  - data: intact
arms: {bad: {policy: none, verdict: [slow, starved]}}
"""
DOCUMENT = yaml.safe_load(dump(parse(EVERYTHING)))
DOCUMENT["nodes"]["initiator"]["guest"]["cgroup_limit"] = "8 MiB"  # which the tier that can do all the rest cannot
MARK = "here-it-stands"


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in `value`."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*above, key)
        yield from places(item, (*above, key))


PLACES = list(places(DOCUMENT))
UNITS = sorted({*SIZE_UNITS, *TIME_UNITS, *BIT_UNITS, *PACKET_UNITS, *PAGE_UNITS, "%", "x", ""})
digits = st.one_of(
    st.integers(0, 20).map(str),
    st.integers(0, 10**20).map(str),
    st.integers(1, 900).map(lambda count: "9" * count),
    st.floats(0, 1e30).map(lambda number: f"{number:.6f}"),
)
quantities = st.builds("{}{}".format, digits, st.sampled_from(UNITS).map(lambda unit: f" {unit}" if unit else ""))
ODD = r"""
!!bool intact
!!int ''
!!float x
!!set {a}
!!binary '='
!local x
.inf
-.inf
.nan
0x_
0b_
1e999
-1
~
[]
{}
[[[]]]
{a: {b: c}}
2026-11-29
<<
=
yes
'
@
%
&a b
*a
? x
- x
|
"\e[31mred"
"\0"
"\ud800"
"a\nb"
"\u202e"
latest
initiator-999999999999999999999
memalloc+
+head_reserve
none+none
free_pages >= -0
udp
"""
odd = st.sampled_from(
    [*ODD.split("\n"), "1:59" + ":59" * 180 + ".5", "x" * 2000, "free_pages > " + "9" * 800, "0x" + "f" * 900]
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
).map(lambda value: yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n...\n").strip())


def written(place: tuple[Any, ...], text: str) -> str:
    """The document with `text` as it is at `place`."""
    document = yaml.safe_load(yaml.safe_dump(DOCUMENT))
    inside = document
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = MARK
    return yaml.safe_dump(document, sort_keys=False, width=10**6).replace(MARK, text, 1)


def test_every_key_is_tried() -> None:
    assert {name for place in PLACES for name in place if isinstance(name, str)} >= set(keys(SCENARIO))


def keys(form: Any) -> Iterator[str]:
    """Every key of a form, with all below it."""
    if isinstance(form, PolicyForm):
        form = form.table
    if isinstance(form, (Many, Named)):
        yield from keys(form.item)
    elif isinstance(form, OneOf):
        for _, table in form.tables.values():
            yield from keys(table)
    elif isinstance(form, Table):
        for key in form.keys:
            yield key.name
            yield from keys(key.form)
    else:
        assert isinstance(form, Kind)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(PLACES), quantities | odd | plain)
@example(("nodes", "initiator", "memory"), "1" + "0" * 400 + " MiB")
@example(("expect", 1, "below"), "1" + "0" * 400)
@example(("expect", 4, "data"), "!!bool intact")
@example(("nodes", "initiator", "count"), "1:59" + ":59" * 180 + ".5")
@example(("about",), r'"\ud800"')
@example(("nodes", "initiator", "working_set"), "200000 GiB")
@example(("floods", 0, "rcvbuf"), "8 PiB")
def test_any_value_at_any_key_is_planned_or_refused_with_its_line(place: tuple[Any, ...], text: str) -> None:
    try:
        scenario = parse(written(place, text), "s.yaml")
    except ScenarioErrors as refused:
        for error in refused.errors:
            assert error.line > 0, str(error)
            assert str(error).isprintable()
    else:
        assert list(described(plan(scenario)))
        assert parse(dump(scenario)) == scenario
