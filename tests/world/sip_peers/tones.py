"""Which tone a telephone heard."""

import io
import math
import struct
import wave
from typing import Final

# Of the energy that was heard, the share of a tone that is heard alone. G.711 adds a little noise.
_PURE: Final = 0.8
# Below this (of 32767) it is silence.
_SILENCE: Final = 200


def heard_tone(wav: bytes, among: tuple[int, ...] = (440, 880)) -> int:
    """Return the frequency of the tone that fills what is not silent in a file; 0 when it is none of those."""
    with wave.open(io.BytesIO(wav)) as file:
        rate = file.getframerate()
        data = file.readframes(file.getnframes())
    samples = [float(value) for value in struct.unpack(f"<{len(data) // 2}h", data)]
    block = rate // 10  # whole periods of each tone, so that one does not leak into the other
    loud = [
        part
        for part in (samples[at : at + block] for at in range(0, len(samples) - block + 1, block))
        if max(map(abs, part)) > _SILENCE
    ]
    for tone_hz in among:
        energy = sum(sum(value * value for value in part) for part in loud)
        of_tone = sum(_energy(part, tone_hz, rate) for part in loud)
        if loud and of_tone > _PURE * energy:
            return tone_hz
    return 0


def _energy(samples: list[float], tone_hz: int, rate: int) -> float:
    """Return the energy of one frequency (Goertzel)."""
    coefficient = 2 * math.cos(2 * math.pi * tone_hz / rate)
    last = before = 0.0
    for value in samples:
        last, before = value + coefficient * last - before, last
    power = last * last + before * before - coefficient * last * before
    return 2 * power / len(samples)
