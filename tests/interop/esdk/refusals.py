"""Refusals: what is left of the messages of each SDK when one rule of the format is broken in each.

    python refusals.py write    writes the refusals of tests/vectors/esdk
    python refusals.py check    compares them with what would be written

Each has the number of its message, what stands in place of how many of its bytes at which offset, and the rule that is broken, in
the words of this script. It reads the format by itself, with nothing but the standard library, from the specification of the AWS
Encryption SDK. What is not authentic in a signed message breaks its signature too: a reader may say either.
"""

import base64
import json
import pathlib
import struct
import sys

FOLDER = pathlib.Path(__file__).parents[2] / "vectors/esdk"
PUBLIC_KEY = b"aws-crypto-public-key"
# What the refusals of whose messages are called.
FILES = {
    "python.json": "refusals.json",
    "javascript.json": "refusals-javascript.json",
    "rust.json": "refusals-rust.json",
}
SIGNED = (0x0214, 0x0346, 0x0378, 0x0578)
# Every so many of the refusals of a message are kept, in turn.
STEP = 5


def number(length, value):
    return value.to_bytes(length, "big")


def field(text):
    return number(2, len(text)) + text


class Message:
    """Where everything stands."""

    def __init__(self, data):
        self.data = data
        self.version = data[0]
        at = 1 if self.version == 2 else 2
        self.suite_at, self.suite = at, int.from_bytes(data[at : at + 2], "big")
        self.id_at = at + 2
        self.context_at = self.id_at + (32 if self.version == 2 else 16)
        self.context_len = self.u16(self.context_at)
        self.keys_at = self.context_at + 2 + self.context_len
        self.pairs = self.read_pairs()
        at = self.keys_at + 2
        self.provider_at = at + 2
        for _ in range(3 * self.u16(self.keys_at)):
            last, at = at, at + 2 + self.u16(at)
        self.blob_at = last + 2
        self.content_at = at
        self.frame_len_at = at + (1 if self.version == 2 else 6)
        self.frame_len = self.u32(self.frame_len_at)
        self.auth_at = self.frame_len_at + 4
        self.body_at = self.auth_at + (48 if self.version == 2 else 28)
        self.framed = data[self.content_at] == 2
        self.frames = []
        at = self.body_at
        while self.framed:
            final = self.u32(at) == 0xFFFFFFFF
            length = self.u32(at + 20) if final else self.frame_len
            end = at + (40 if final else 32) + length
            self.frames.append((at, end))
            at = end
            if final:
                break
        if not self.framed:
            self.content_len = int.from_bytes(data[at + 12 : at + 20], "big")
            at += 12 + 8 + self.content_len + 16
        self.end_of_body = at
        footer = 2 + self.u16(at) if self.suite in SIGNED else 0
        assert at + footer == len(data)

    def u16(self, at):
        return int.from_bytes(self.data[at : at + 2], "big")

    def u32(self, at):
        return int.from_bytes(self.data[at : at + 4], "big")

    def read_pairs(self):
        """Offset, key and value of each."""
        pairs, at = [], self.context_at + 4
        for _ in range(self.u16(self.context_at + 2) if self.context_len else 0):
            start, key = at, self.data[at + 2 : at + 2 + self.u16(at)]
            at += 2 + len(key)
            value = self.data[at + 2 : at + 2 + self.u16(at)]
            at += 2 + len(value)
            pairs.append((start, key, value))
        return pairs

    def put(self, at, insert, remove=None):
        """Bytes in the place of others, as many unless it is said."""
        return [at, len(insert) if remove is None else remove, insert.hex()]

    def flip(self, at):
        return self.put(at, bytes([self.data[at] ^ 1]))

    def context_of(self, pairs):
        section = b"".join(field(key) + field(value) for key, value in pairs)
        section = number(2, len(pairs)) + section if pairs else b""
        return self.put(self.context_at, field(section), 2 + self.context_len)


def of_header(m):
    v2 = m.version == 2
    own = [(key, value) for _, key, value in m.pairs]
    yield "version", m.put(0, b"\x03")
    yield "version", m.put(0, b"\x00")
    yield "suite", m.put(m.suite_at, b"\x00\x00")
    yield "suite", m.put(m.suite_at, b"\x01\x78" if v2 else b"\x04\x78")
    yield "commitment" if v2 else "not-authentic", m.flip(m.id_at + 5)
    if own:
        yield "context-length", m.put(m.context_at, number(2, m.context_len - 1))
        yield "context-length", m.put(m.context_at, number(2, m.context_len + 1))
        yield "context-length", m.put(m.context_at + 2, number(2, len(own) + 1))
        yield "context-length", m.put(m.context_at + 2, number(2, len(own) - 1))
        yield "context-duplicate", m.context_of(own + own[:1])
        yield "utf-8", m.put(m.pairs[0][0] + 2, b"\xff")
    else:
        yield "context-length", m.put(m.context_at, field(b"\x00\x00"), 2)
        yield "context-length", m.put(m.context_at, field(b"\x00"), 2)
    yield "context-key", m.context_of([(b"", b"x"), *own])
    yield "not-authentic", m.context_of([*own, (b"zone", b"eu")])
    if m.suite in SIGNED:
        rest = [pair for pair in own if pair[0] != PUBLIC_KEY]
        (value,) = [value for key, value in own if key == PUBLIC_KEY]
        yield "public-key-missing", m.context_of(rest)
        yield "public-key-malformed", m.context_of(sorted([*rest, (PUBLIC_KEY, b"AAAA")]))
        yield "public-key-malformed", m.context_of(sorted([*rest, (PUBLIC_KEY, value[:-4])]))
    else:
        yield "public-key-unexpected", m.context_of(sorted([*own, (PUBLIC_KEY, b"AAAA")]))
    yield "data-key-count", m.put(m.keys_at, b"\x00\x00", m.content_at - m.keys_at)
    yield "utf-8", m.put(m.provider_at, b"\xff")
    yield "not-authentic", m.flip(m.provider_at)
    yield "not-authentic", m.flip(m.blob_at + 7)
    yield "content-type", m.put(m.content_at, b"\x00")
    yield "content-type", m.put(m.content_at, b"\x03")
    yield "frame-length", m.put(m.frame_len_at, number(4, 0 if m.framed else 1))
    if len(m.frames) == 1:
        yield "not-authentic", m.put(m.frame_len_at, number(4, m.frame_len + 1))
    if v2:
        yield "commitment", m.flip(m.auth_at)
        yield "commitment", m.flip(m.auth_at + 31)
    else:
        yield "type", m.put(1, b"\x00")
        yield "reserved", m.flip(m.content_at + 4)
        yield "iv-length", m.put(m.content_at + 5, b"\x10")
        yield "not-authentic", m.flip(m.auth_at + 11)
    yield "not-authentic", m.flip(m.body_at - 1)
    yield "truncated", m.put(1, b"", len(m.data) - 1)
    yield "truncated", m.put(m.keys_at, b"", len(m.data) - m.keys_at)
    yield "truncated", m.put(m.body_at - 1, b"", len(m.data) - m.body_at + 1)


def of_body(m):
    if m.framed:
        final, end = m.frames[-1]
        yield "sequence-number", m.flip(final + 7)
        yield "not-authentic", m.flip(final + 8)
        yield "not-authentic", m.flip(end - 1)
        if end - final > 40:
            yield "not-authentic", m.flip(final + 24)
        yield "final-frame-length", m.put(final + 20, number(4, m.frame_len + 1))
        yield "truncated", m.put(final, b"", len(m.data) - final)
        if len(m.frames) > 1:
            (first, then), (other, last) = m.frames[0], m.frames[1]
            yield "sequence-number", m.put(first, b"", then - first)
            yield "sequence-number", m.put(first, m.data[first:then], 0)
            yield "not-authentic", m.flip(then - 1)
            yield "not-authentic", m.flip(first + 16)
        if len(m.frames) > 2:
            one, two = m.data[first:then], m.data[other:last]
            yield "sequence-number", m.put(first, two + one)
            yield "not-authentic", m.put(first, one[:4] + two[4:] + two[:4] + one[4:])
    else:
        at = m.body_at
        yield "not-authentic", m.flip(at)
        yield "not-authentic", m.flip(m.end_of_body - 1)
        if m.content_len:
            yield "not-authentic", m.flip(at + 20)
        yield "content-length", m.put(at + 12, number(8, 2**36 - 31))
        yield "truncated", m.put(at + 12, b"", len(m.data) - at - 12)


def of_end(m):
    if m.suite in SIGNED:
        yield "signature", m.flip(len(m.data) - 1)
        yield "signature", m.put(m.end_of_body + 2, b"\x31")
        yield "truncated", m.put(m.end_of_body, b"", len(m.data) - m.end_of_body)
    yield "truncated", m.put(len(m.data) - 1, b"", 1)
    yield "trailing", m.put(len(m.data), b"\x00", 0)
    yield "trailing", m.put(len(m.data), m.data, 0)


def refusals(messages):
    tests = json.loads((FOLDER / messages).read_text(encoding="utf-8"))["tests"]
    for of, test in enumerate(tests):
        message = Message(base64.b64decode(test["message"]))
        everything = [*of_header(message), *of_body(message), *of_end(message)]
        for turn, (breaks, (at, remove, insert)) in enumerate(everything):
            if (turn + of) % STEP == 0:
                yield {"of": of, "breaks": breaks, "at": at, "remove": remove, "insert": insert}


def text(messages):
    rows = ",\n".join("  " + json.dumps(refusal) for refusal in refusals(messages))
    return f'{{\n "messages": "{messages}",\n "tests": [\n' + rows + "\n ]\n}\n"


def main():
    for messages, name in FILES.items():
        path = FOLDER / name
        match sys.argv[1:]:
            case ["write"]:
                path.write_text(text(messages), encoding="utf-8")
            case ["check"]:
                assert path.read_text(encoding="utf-8") == text(messages), f"{path} is not what this script makes"
            case _:
                sys.exit(__doc__)
        print(f"{sum(1 for _ in refusals(messages))} refusals of {messages}")


if __name__ == "__main__":
    main()
