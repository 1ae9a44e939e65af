"""Which kernel hangs on which card under which policy: a scenario at every place of a matrix, several times, by real runs.

asked = Asked(subjects, kernels, nics, policies, repeat)
with TrialFolder.open(path) as folder:             # what was carried out before is in it
    for key in folder.missing(asked): folder.append(work.carry_out(...))
table: model.cells(asked, folder.trials); page and picture: controller.report.matrixpage
"""
