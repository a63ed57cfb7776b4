"""Agents of one's own: airports with a burst of predicted delays, by the hour of departure.

Run it beside the factory: ``python agents.py worker``. A windowed table counts, per airport and
hour of event time, the departures that the champion expects to arrive late.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from labline import StreamsApp, Workspace

HOUR_S = 3600
BURST = 8  # predicted delays in an hour, at one airport

SCORES = "flights-delay.scores"
BURSTS = "flights.bursts"

app = StreamsApp(
    "flights-bursts",
    Workspace.find(Path(__file__).parent),
    topic_partitions=4,
    consumer_auto_offset_reset="latest",  # it watches from when it is first started
)
scores = app.source(SCORES)
late = app.json_topic("flights-bursts.late")
bursts = app.json_topic(BURSTS)
counts = (
    app.Table("late-by-airport", default=int, partitions=4)
    .tumbling(HOUR_S)
    .relative_to(lambda event: event.value["at_s"])
)


@app.agent(scores)
async def expected_late(stream: Any) -> None:
    """Send on which airport a flight that will be late leaves from, keyed by airport."""
    async for score in app.records(stream, SCORES):
        if score["answer"]:
            airport = score["id"].split("-")[2]
            value = {"airport": airport, "at_s": score["event_time_ms"] / 1000}
            await (await late.send(key=airport, value=value))


@app.agent(late, sink=[bursts])
async def find_bursts(stream: Any) -> AsyncIterator[dict[str, Any]]:
    """Count by airport and hour; tell of an hour once, when it becomes a burst."""
    async for event in stream:
        airport, hour_s = event["airport"], event["at_s"] // HOUR_S * HOUR_S
        counts[airport] += 1
        if counts[airport].value() == BURST:
            yield {"airport": airport, "hour_s": hour_s, "predicted_late": BURST}


if __name__ == "__main__":
    app.main()
