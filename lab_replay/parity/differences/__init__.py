"""After a first difference: how far the past and its re-run are apart, per field and hour.

An analysis behind a check: parity imports it only when something differs.
"""
