"""The harness tells right from wrong: tones, scenarios and pictures, without any peer."""

import io
import math
import struct
import wave
from xml.etree import ElementTree as ET

import pytest

from docs.sip.ladder import LANES, RINGBACK, Row, drawing
from tests.sip.cases import CASES, Case
from tests.world.sip_peers.scenario import receive, respond, scenario
from tests.world.sip_peers.tones import heard_tone

_RATE = 8000


def wav(*samples: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(_RATE)
        writer.writeframes(struct.pack(f"<{len(samples)}h", *map(round, samples)))
    return file.getvalue()


def sine(*tones_hz: int, seconds: float = 1) -> list[float]:
    return [
        sum(6000 * math.sin(2 * math.pi * tone_hz * at / _RATE) for tone_hz in tones_hz)
        for at in range(round(seconds * _RATE))
    ]


@pytest.mark.parametrize(
    ("samples", "tone_hz"),
    [
        (sine(440), 440),
        (sine(880), 880),
        ([0.0] * _RATE + sine(880, seconds=0.3), 880),
        (sine(440, 880), 0),
        (sine(700), 0),
        ([0.0] * _RATE, 0),
        ([], 0),
    ],
    ids=["440", "880", "silence first", "both", "another", "silence", "nothing"],
)
def test_the_tone_that_was_heard(samples: list[float], tone_hz: int) -> None:
    assert heard_tone(wav(*samples)) == tone_hz


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_scenario_is_well_formed(case: Case) -> None:
    """SIPp says little about what is not, and only when the test runs."""
    for steps in (case.agent, case.target):
        root = ET.fromstring(scenario(case.name, steps))
        labels = {element.attrib["id"] for element in root.iter("label")}
        jumps = {
            element.attrib[name] for element in root.iter() for name in ("next", "ontimeout") if name in element.attrib
        }
        assert jumps <= labels


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_response_repeats_what_its_request_said() -> None:
    text = scenario("s", [receive("INVITE"), respond(180)])
    for part in ("Via:[$invite_via]", "From:[$invite_from]", "CSeq:[$invite_cseq]", "SIP/2.0 180 Ringing"):
        assert part in text


def test_the_picture_of_a_call() -> None:
    agent, _, target = LANES
    rows = [
        Row(0.0, RINGBACK, RINGBACK, "OFFERED"),
        Row(0.01, RINGBACK, agent, "INVITE (inactive)"),
        Row(0.02, agent, RINGBACK, "180 Ringing"),
        Row(1.0, agent, RINGBACK, "200 OK"),
        Row(1.2, target, RINGBACK, "486 Busy <Here>"),
        Row(1.3, agent, target, "RTP"),
    ]
    root = ET.fromstring(drawing(rows))
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text in {row.text for row in rows}] == [row.text for row in rows]
    kinds = [element.attrib["class"] for element in root.iter("{http://www.w3.org/2000/svg}path")]
    assert kinds == ["request", "provisional", "success", "failure"]
    assert int(root.attrib["height"]) > 34 * len(rows)
