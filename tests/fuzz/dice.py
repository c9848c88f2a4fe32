"""What is thrown to make one step of a fuzz: the same seed and step make the same step."""

import random
from collections.abc import Sequence
from typing import Final, TypeVar
from urllib.parse import quote

_T = TypeVar("_T")

# What texts get wrong somewhere: ends, escapes, directions, widths, surrogates of other encodings, and what is long.
TEXTS: Final = (
    *("", " ", "\0", "a\0b", "\n", "\r\n", "\t", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffd", "\uffff"),
    *("\u202eabc", "a\u200bb", "e\u0301", "ﬀ", "İ", "ß", "\U0001f4de", "\U0010ffff", "٣", "a" * 64, "a" * 65),
    *("a" * 257, "ü" * 1025, "9" * 400, "'", '"', "\\", "%", "%s", "%00", "{}", "${x}", "null", "None", "NaN", "-1"),
    *("'; DROP TABLE callback; --", "../../etc/passwd", "<script>", "*", "?", "..", "/", "//", ":", "@", "sip:"),
    *(
        "sip:@",
        "sip:a@",
        "sip:a@[::1",
        "sip:a@b;x=%zz",
        "tel:",
        "tel:+",
        "tel:+1;ext=1;x",
        "tel:+49 89 1",
        "http://[",
        "0",
    ),
    *("https://u:p@h.example/", "2030-02-30T25:61:61Z", "00000000-0000-0000-0000-000000000000", "1e999", "0x10"),
    *("99999999999999999999999999", "24:00", "00:00", "Europe/Nowhere", "UTC", "true", "[]", "{", "[" * 100),
)
_NUMBERS: Final = (0, 1, -1, 2, 7, 10, 100, 255, 256, 1000, 1001, 2**15, 2**16, 2**31 - 1, -(2**31))
_WIDE: Final = (2**31, 2**32 - 1, 2**53 + 1, 2**63 - 1, -(2**63))
_PIECES: Final = (
    *(b"\0", b"\xff", b"\xff" * 11, b"\x80" * 10 + b"\x01", b"\r\n", b"\n", b"\r\n\r\n", b'"', b"{", b"}", b"[", b"]"),
    *(b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b":", b",", b"\x0a\x00", b"\x0b" * 200, b"\x1a\x7f", b" "),
)
# The longest that a mutation makes of a few bytes.
_LONG: Final = 70_000


class Dice(random.Random):
    """Random choices, as fuzzers need them."""

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def hostile_text(self) -> str:
        text = self.choice(TEXTS)
        if self.chance(0.15):
            text += self.choice(TEXTS)
        if self.chance(0.02):
            text = (text or "x") * (_LONG // max(len(text), 1))
        return text

    def hostile_path(self) -> str:
        """Return more of a path: escaped, or as it is as far as one line can have it."""
        text = self.hostile_text()[:300]
        if self.chance(0.5):
            return "/" + quote(text, safe="", errors="replace")
        return "".join(sign for sign in text if "!" <= sign <= "~")

    def hostile_number(self, *, wide: bool = False) -> int:
        if self.chance(0.3):
            return self.randrange(-(2**31), 2**31)
        return self.choice((*_NUMBERS, *_WIDE) if wide else _NUMBERS)

    def some(self, values: Sequence[_T], most: int) -> list[_T]:
        """Return up to so many of the values, in any order and any of them again."""
        return [self.choice(values) for _ in range(self.randint(0, most))] if values else []

    def mutated(self, data: bytes, times: int = 4) -> bytes:
        """Return the bytes with some of them changed, cut out, moved, repeated, or put in."""
        for _ in range(self.randint(1, times)):
            data = self._mutated_once(bytearray(data))
        return data

    def _mutated_once(self, data: bytearray) -> bytes:
        place = self.randint(0, len(data))
        end = min(len(data), place + self.randint(0, 16))
        match self.randrange(7):
            case 0 if place < len(data):
                data[place] ^= 1 << self.randrange(8)
            case 1:
                del data[place:]
            case 2:
                del data[place:end]
            case 3:
                data[place:place] = self.choice(_PIECES)
            case 4:
                data[place:place] = data[place:end] * self.choice((1, 2, 50))
            case 5:
                data[place:end] = self.randbytes(end - place)
            case _:
                other = self.randint(0, len(data))
                data[other:other] = data[place:end]
        return bytes(data)


def dice_of(seed: int, part: str, step: int) -> Dice:
    """Return the dice of one step, which do not depend on those before."""
    return Dice(f"{seed} {part} {step}")
