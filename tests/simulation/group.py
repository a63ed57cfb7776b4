"""A consumer group as the classic protocol has it: static members, eager, `range`."""

from confluent_kafka import KafkaError

from tests.simulation.clock import Clock

SESSION_TIMEOUT_S = 6.0
FENCED, UNKNOWN, PREPARING, STABLE = "fenced", "unknown", "preparing", "stable"


class Member:
    """A slot's place in the group, held by whoever joined last in its name."""

    def __init__(self, identity: int, beat_s: float) -> None:
        self.identity, self.beat_s = identity, beat_s
        self.joined = False


class Group:
    """Who is in, in which generation, with which partitions."""

    def __init__(self, clock: Clock, partitions: int) -> None:
        self._clock, self._partitions = clock, partitions
        self._members: dict[str, Member] = {}
        self.generation = 0
        self._preparing = False
        self._assignment: dict[str, list[int]] = {}

    def status(self, instance: str, identity: int) -> str:
        """Return what a heartbeat is answered."""
        member = self._members.get(instance)
        if member is None:
            return UNKNOWN
        if member.identity != identity:
            return FENCED
        return PREPARING if self._preparing else STABLE

    def beat(self, instance: str, identity: int) -> None:
        """Note that a client lives."""
        member = self._members.get(instance)
        if member is not None and member.identity == identity:
            member.beat_s = self._clock.now_s

    def join(self, instance: str, identity: int) -> None:
        """Come in, or again; a new client in an old slot takes its place without a rebalance."""
        member = self._members.get(instance)
        if member is None:
            member = self._members[instance] = Member(identity, self._clock.now_s)
            self._prepare()
        replaced, member.identity = member.identity != identity, identity
        member.beat_s = self._clock.now_s
        if not self._preparing and replaced:
            return
        if not self._preparing:
            self._prepare()
        member.joined = True
        self._complete()

    def assigned(self, instance: str) -> list[int]:
        """Return a member's partitions in this generation."""
        return self._assignment.get(instance, [])

    def refusal(self, instance: str, identity: int, generation: int) -> int | None:
        """Return why offsets of such a member are not taken."""
        member = self._members.get(instance)
        if member is None:
            return KafkaError.UNKNOWN_MEMBER_ID
        if member.identity != identity:
            return KafkaError.FENCED_INSTANCE_ID
        return KafkaError.ILLEGAL_GENERATION if generation != self.generation else None

    def tick(self) -> None:
        """Put out who was silent for longer than a session."""
        silent_since = self._clock.now_s - SESSION_TIMEOUT_S
        gone = [name for name, member in self._members.items() if member.beat_s < silent_since]
        for name in gone:
            del self._members[name]
        if gone:
            self._prepare()
            self._complete()

    def _prepare(self) -> None:
        if not self._preparing:
            self._preparing = True
            for member in self._members.values():
                member.joined = False

    def _complete(self) -> None:
        if not self._members or not all(member.joined for member in self._members.values()):
            return
        self.generation, self._preparing = self.generation + 1, False
        names = sorted(self._members)
        each, more = divmod(self._partitions, len(names))
        self._assignment, at = {}, 0
        for place, name in enumerate(names):
            count = each + (place < more)
            self._assignment[name] = list(range(at, at + count))
            at += count
