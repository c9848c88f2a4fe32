"""Messages as hostile peers may send them: those of RFC 4475, with pieces cut out and others put in."""

from pathlib import Path

from hypothesis import strategies as st

FOLDER = Path(__file__).parents[1] / "dialers" / "sip" / "messages" / "torture"
TORTURES = {file.stem: file.read_bytes() for file in sorted(FOLDER.glob("*.dat"))}

# What breaks parsers, and what makes sense somewhere.
PIECES = [
    *(bytes([sign]) for sign in b'\r\n\t \0\\"<>,;:=@[]?-\xff'),
    *(sign.encode() for sign in "ü\u2028\x85"),
    *(b"\r\n ", b"\r\n\r\n", b"\r\n--x", b"99999999999999999999", b"-1", b"tag=", b"\r\nc: ", b"\r\nRequire: a"),
    *(b"SIP/2.0", b"sip:", b"Via: ", b"v:", b"SIP/2.0/UDP x;branch=z9hG4bK", b"CSeq: 1 INVITE", b"l:9"),
    *(b"INVITE sip:x SIP/2.0\r\n", b"ACK sip:x SIP/2.0\r\n", b"CANCEL sip:x SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n"),
    *(b"Content-Length: ", b"multipart/mixed;boundary=x", b"application/sdp", b"\r\nWWW-Authenticate: Digest "),
    *(b"v=0\r\no=- 1 1 IN IP4 x\r\n", b"m=audio 1 RTP/AVP 0", b"c=IN IP4 0.0.0.0", b"a=sendonly", b"realm=", b"nonce="),
]

Change = tuple[int, int, bytes]
"""Where, how many bytes are cut out, and what is put there."""
CHANGES = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 40), st.sampled_from(PIECES)), max_size=8)


def mutated(data: bytes, changes: list[Change]) -> bytes:
    for place, cut, piece in changes:
        data = data[:place] + piece + data[place + cut :]
    return data


MUTATIONS = st.builds(mutated, st.sampled_from(list(TORTURES.values())), CHANGES)
