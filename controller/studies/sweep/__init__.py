"""Sweeps: a scenario at every point of a grid of settings, each repeated by seed, on all cores, resumable.

    plan = Plan(scenario, axes, seeds=3)
    folder = SweepFolder.open(sweeps, plan)          # what was computed before is in it
    for rows in compute(plan, folder.missing(), ...): folder.append(rows)
    table.write(folder, plan); phase diagrams: controller.report.phasepage

The order of points is fixed, so that a resumed sweep ends with the same table, byte for byte, as one that ran through.
"""
