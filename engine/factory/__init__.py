"""The factory: scorer processes on the record path, supervised by a Faust worker."""
