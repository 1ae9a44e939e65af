"""The initiator's arm: one process in a tight cgroup, a modelled machine inside, real packets, pages and disk around it."""
