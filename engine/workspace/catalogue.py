"""What a workspace wants in Kafka: its topics, and those that its lines write."""

from engine.workspace.workspace import Workspace, known
from topics.plan import Declaration, declaration, line_topic_declarations


def catalogue(workspace: Workspace) -> list[Declaration]:
    """Return every declared topic, each once: the workspace's own, then those of its lines."""
    topics = workspace.topics()
    wanted = {topic.name: declaration(topic) for topic in topics.values()}
    for line in workspace.lines().values():
        events = topics[known(line.events, topics, "TOPIC", "topics/")]
        labels = topics[known(line.labels, topics, "TOPIC", "topics/")] if line.labels else None
        for declared in line_topic_declarations(line.name, events, labels):
            wanted.setdefault(declared.name, declared)
    return list(wanted.values())
