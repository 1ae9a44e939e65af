"""The modelled machine, sans-IO: no clock, no random source, no socket, no event loop.

A driver feeds it (`receive`, `handle`), drains it (`poll` returns decisions), and asks `next_deadline_ns` when to come
back. `stats` and `waits` report. Time is an argument, any monotonic nanosecond count.
"""
