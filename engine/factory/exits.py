"""How a scorer process ends: the exit codes by which its supervisor decides what to do."""

EXIT_HANDLED = 4  # a person has to do something; a bug's traceback ends with 1
EXIT_FENCED = 3  # another process has its slot
EXIT_CUT = 5  # told to stop, it was held up past its grace: as after a kill, nothing is lost
