"""Formats of values: one module each, found by its name in ``Topic.format``.

Whoever writes or reads a topic's values comes here with the topic's `Schema`: publishers, tasks,
the lab, agents. Out come bytes, records, or a `Rejection`. A format is a module of this folder with
a `ValueFormat` in `FORMAT`; nothing outside of it knows how a value of the format looks.
"""
