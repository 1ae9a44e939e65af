"""A scenario that hangs under `none` within seconds of virtual time, as the file of a person. For tests of verbs."""

from __future__ import annotations

SMALL = """
name: small
nodes:
  initiator: {memory: 8 MiB, min_free: 1 MiB, working_set: 12 MiB}
  target: {size: 16 MiB, rate: 200 Mbit}
policy: none
floods:
  - {kind: udp, rate: 20 kpps, sockets: 4, reader: stalled, rcvbuf: 512 KiB}
phases: {warmup: 4 s, flood: 2 s, heal: 2 s}
expect: [{verdict: healthy}]
"""
