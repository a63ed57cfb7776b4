"""Streams of loss differences of two forecasters of which neither is better, and some where one is.

One row a stream. Symmetric, so that the unconditional mean of every difference is exactly 0.
"""

import numpy as np
from numpy.typing import NDArray

Streams = NDArray[np.float64]


def ar(rng: np.random.Generator, streams: int, events: int, phi: float) -> Streams:
    """Return stationary autoregressive noise of variance 1."""
    noise = rng.standard_normal((events, streams)) * np.sqrt(1 - phi * phi)
    noise[0] /= np.sqrt(1 - phi * phi)
    for event in range(1, events):
        noise[event] += phi * noise[event - 1]
    return np.ascontiguousarray(noise.T)


def brier(rng: np.random.Generator, one: Streams, two: Streams) -> Streams:
    """Return Brier loss differences of two forecasters that see the truth through this noise."""
    truth = rng.beta(1, 3, one.shape)
    label = rng.random(one.shape) < truth
    first, second = np.clip(truth + one, 0, 1), np.clip(truth + two, 0, 1)
    return np.square(first - label) - np.square(second - label)


def independent(rng: np.random.Generator, streams: int, events: int) -> Streams:
    shape = (streams, events)
    return brier(rng, 0.2 * rng.standard_normal(shape), 0.2 * rng.standard_normal(shape))


def autoregressive(rng: np.random.Generator, streams: int, events: int) -> Streams:
    return np.clip(0.3 * ar(rng, streams, events, 0.9), -1, 1)


def autoregressive_wide(rng: np.random.Generator, streams: int, events: int) -> Streams:
    return np.clip(0.8 * ar(rng, streams, events, 0.9), -1, 1)


def autoregressive_forecasters(rng: np.random.Generator, streams: int, events: int) -> Streams:
    one, two = (0.2 * ar(rng, streams, events, 0.9) for _ in range(2))
    return brier(rng, one, two)


def delayed(rng: np.random.Generator, streams: int, events: int) -> Streams:
    """AR(1) in the order of events; every label is some 100 events late, apart from the others."""
    return _reordered(rng, autoregressive(rng, streams, events))


def delayed_in_batches(rng: np.random.Generator, streams: int, events: int) -> Streams:
    """Labels come a hundred at once, and what befell them befell all."""
    shock = np.repeat(rng.standard_normal((streams, -(-events // 100))), 100, axis=1)[:, :events]
    return np.clip(0.15 * shock + 0.25 * rng.standard_normal((streams, events)), -1, 1)


def overlapping(rng: np.random.Generator, streams: int, events: int, lag: int = 50) -> Streams:
    """Forecasts `lag` events ahead: successive errors share all but one of their causes."""
    walk = np.cumsum(rng.standard_normal((streams, events + lag)), axis=1)
    return np.clip(0.3 * (walk[:, lag:] - walk[:, :-lag]) / np.sqrt(lag), -1, 1)


def drift_means(rng: np.random.Generator, streams: int, events: int) -> Streams:
    """Return means that drift round 0: whose lead it is changes once or more."""
    at, phase = np.arange(events) / events, rng.random((streams, 1))
    turns = rng.integers(1, 5, (streams, 1))
    return 0.1 * np.sin(2 * np.pi * (turns * at + phase))


def drifting_null(rng: np.random.Generator, streams: int, events: int) -> Streams:
    """Mean below 0 at first, above 0 later, and never above 0 on average so far."""
    mean = np.linspace(-0.05, 0.05, events)
    return np.clip(mean + 0.2 * rng.standard_normal((streams, events)), -1, 1)


def _reordered(rng: np.random.Generator, found: Streams) -> Streams:
    arrival = np.arange(found.shape[1]) + rng.exponential(100, found.shape)
    return np.take_along_axis(found, np.argsort(arrival, axis=1, kind="stable"), axis=1)


NULLS = {
    found.__name__: found
    for found in (
        independent,
        autoregressive,
        autoregressive_wide,
        autoregressive_forecasters,
        delayed,
        delayed_in_batches,
        overlapping,
    )
}
