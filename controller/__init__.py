"""Parse, plan, deploy, observe, judge, report: the part that runs experiments and keeps what they showed."""
