"""A line's past run again from its journal: for recovery, parity, what-if and upgrades.

`kafka_refold` folds one partition from Kafka, `partition_past` knows from where it can begin,
`partitions` does so for all partitions of a line, each in a process of its own. `line_outputs` and
`source_pairs` put what was written beside what folding gives. Nothing here writes to Kafka.
"""
