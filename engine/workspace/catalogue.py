"""What a workspace wants in Kafka: its topics, and those that its lines write."""

from collections import defaultdict

from labline.engine.workspace.workspace import Workspace, known
from labline.topics.plan import declaration, line_topic_declarations
from labline.topics.steps import Declaration


def catalogue(workspace: Workspace) -> list[Declaration]:
    """Return every declared topic, each once: the workspace's own, then those of its lines."""
    topics, lines = workspace.topics(), workspace.lines()
    readers: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines.values():
        for name in filter(None, (line.events, line.labels)):
            readers[known(name, topics, "TOPIC", "topics/")].append(line.name)
    wanted = {name: declaration(topic, readers[name]) for name, topic in topics.items()}
    for line in lines.values():
        labels = topics[line.labels] if line.labels else None
        for declared in line_topic_declarations(line.name, topics[line.events], labels):
            wanted.setdefault(declared.name, declared)
    return list(wanted.values())
