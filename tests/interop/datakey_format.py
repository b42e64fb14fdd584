"""A second implementation of the datakey message format, version 1, written from docs/format.md alone.

Rule numbers in brackets are those of the document. Sizes are in bytes. The module reads and writes whole messages; it
has neither key service nor cache: whoever calls it says what a wrapped key opens to.
"""

import hmac
import os
import struct
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

MAGIC = bytes.fromhex("DA4B4559")
VERSION = 1
CHACHA20_POLY1305, AES_256_GCM = 1, 2
AEADS = {CHACHA20_POLY1305: ChaCha20Poly1305, AES_256_GCM: AESGCM}
STREAM, RECORDS = 1, 2
TAG = 16
NO_MORE_RECORDS = b"\xff\xff\xff\xff"
MAX_RECORDS = 2**24
MAX_PLAINTEXT = 2**43


class Refused(Exception):
    """A message that is not to be read, with the number of the rule that it breaks."""

    def __init__(self, rule):
        super().__init__(f"the message breaks {rule}")
        self.rule = rule


def refusal_class(rule):
    """How the table of refusals calls what breaks the rule."""
    if rule == "G3":
        return "truncated"
    if rule in ("K6", "F3", "R6"):
        return "not authentic"
    return "malformed"


@dataclass
class Header:
    """What stands before the body; the length is that of the encoded header."""

    suite: int
    kind: int
    exponent: int
    salt: bytes
    commitment: bytes
    context: list  # of (key, value), as bytes
    wrapped_keys: list  # of (key id, blob), as bytes
    length: int = 0

    @property
    def frame_length(self):
        """The most plaintext in a frame [H5]."""
        return 1 << self.exponent


class Cursor:
    """Takes bytes from the front and knows what a lack of them means."""

    def __init__(self, data, rule_at_end="G3"):
        self.data = data
        self.at = 0
        self.rule_at_end = rule_at_end

    def take(self, count):
        if len(self.data) - self.at < count:
            raise Refused(self.rule_at_end)
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken

    def integer(self, count):
        return int.from_bytes(self.take(count), "big")

    @property
    def left(self):
        return len(self.data) - self.at


def refuse_unless(holds, rule):
    if not holds:
        raise Refused(rule)


def text_of(data, rule):
    try:
        return data.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Refused(rule) from None


# The header.


def encode_context(pairs):
    return b"".join(
        struct.pack(">H", len(key)) + key + struct.pack(">H", len(value)) + value for key, value in pairs
    )


def decode_context(encoded):
    cursor = Cursor(encoded, rule_at_end="C4")
    pairs = []
    while cursor.left:
        refuse_unless(len(pairs) < 32, "C2")
        length = cursor.integer(2)
        refuse_unless(1 <= length <= 1024, "C3")
        key = cursor.take(length)
        length = cursor.integer(2)
        refuse_unless(length <= 1024, "C3")
        value = cursor.take(length)
        text_of(key, "C5")
        text_of(value, "C5")
        refuse_unless(not pairs or pairs[-1][0] < key, "C6")
        pairs.append((key, value))
    return pairs


def encode_header(header):
    context = encode_context(header.context)
    parts = [
        MAGIC,
        bytes([VERSION, header.suite, header.kind, header.exponent]),
        header.salt,
        header.commitment,
        struct.pack(">H", len(context)),
        context,
        bytes([len(header.wrapped_keys)]),
    ]
    for key_id, blob in header.wrapped_keys:
        parts += [bytes([len(key_id)]), key_id, struct.pack(">H", len(blob)), blob]
    return b"".join(parts)


def decode_wrapped_keys(cursor):
    count = cursor.integer(1)
    refuse_unless(1 <= count <= 16, "W1")
    keys = []
    for _ in range(count):
        length = cursor.integer(1)
        refuse_unless(length >= 1, "W2")
        key_id = cursor.take(length)
        text = text_of(key_id, "W3")
        refuse_unless(not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text), "W3")
        length = cursor.integer(2)
        refuse_unless(1 <= length <= 6144, "W4")
        key = (key_id, cursor.take(length))
        refuse_unless(key not in keys, "W5")
        keys.append(key)
    return keys


def decode_header(message):
    refuse_unless(message[:4] == MAGIC[: len(message)], "H1")
    cursor = Cursor(message)
    cursor.take(4)
    refuse_unless(cursor.integer(1) == VERSION, "H2")
    suite = cursor.integer(1)
    refuse_unless(suite in AEADS, "H3")
    kind = cursor.integer(1)
    refuse_unless(kind in (STREAM, RECORDS), "H4")
    exponent = cursor.integer(1)
    refuse_unless(6 <= exponent <= 24, "H5")
    salt = cursor.take(24)
    commitment = cursor.take(32)
    length = cursor.integer(2)
    refuse_unless(length <= 4096, "C1")
    context = decode_context(cursor.take(length))
    wrapped_keys = decode_wrapped_keys(cursor)
    return Header(suite, kind, exponent, salt, commitment, context, wrapped_keys, cursor.at)


# The key schedule and the frames.


@dataclass
class Schedule:
    """What the data key, the header and the associated data derive to [K1 to K5]."""

    first: bytes  # P
    second: bytes  # M
    aead_key: bytes
    commitment: bytes


def schedule(data_key, suite, kind, exponent, salt, context, aad):
    refuse_unless(len(data_key) == 32, "K1")
    first = b"datakey envelope format v1".ljust(29, b"\0") + bytes([suite, kind, exponent])
    first += sha256(b"datakey encryption context v1\0" + encode_context(context)).digest()
    second = salt + sha256(aad).digest() + bytes(8)

    def expand(label):
        return HKDFExpand(algorithm=SHA256(), length=32, info=first + second + label).derive(data_key)

    return Schedule(first, second, expand(b"aead key"), expand(b"commitment"))


class Frames:
    """Seals and opens frames by their number [F1, F2]."""

    def __init__(self, suite, aead_key):
        self.aead = AEADS[suite](aead_key)

    @staticmethod
    def nonce(number, last):
        return bytes(3) + number.to_bytes(8, "big") + bytes([last])

    def seal(self, number, last, plaintext, aad=None):
        return self.aead.encrypt(self.nonce(number, last), plaintext, aad)

    def open(self, number, last, sealed, aad=None, rule="F3"):
        try:
            return self.aead.decrypt(self.nonce(number, last), sealed, aad)
        except InvalidTag:
            raise Refused(rule) from None


# Reading.


def message_key(unwrap, header, aad):
    """The AEAD key of a message, from the first of its wrapped keys that has the commitment [K6].

    `unwrap` answers the data key for the place of a wrapped key in the message and the wrapped key itself, or None for one
    that does not open. It is asked once for each at most.
    """
    for place, wrapped_key in enumerate(header.wrapped_keys):
        data_key = unwrap(place, wrapped_key)
        if data_key is None or len(data_key) != 32:
            continue
        keys = schedule(data_key, header.suite, header.kind, header.exponent, header.salt, header.context, aad)
        if hmac.compare_digest(keys.commitment, header.commitment):
            return keys.aead_key
    raise Refused("K6")


def open_message(unwrap, message, aad=b""):
    """The header and the plaintext of a message: bytes for a byte stream, a list of bytes for records."""
    header = decode_header(message)
    frames = Frames(header.suite, message_key(unwrap, header, aad))
    body = message[header.length :]
    if header.kind == STREAM:
        return header, open_stream(header, frames, body)
    return header, open_records(header, frames, body)


def open_stream(header, frames, body):
    sealed_length = header.frame_length + TAG
    count = max(1, -(-len(body) // sealed_length))
    refuse_unless(len(body) - TAG * count <= MAX_PLAINTEXT, "L1")
    last_length = len(body) - (count - 1) * sealed_length
    plaintext = []
    for number in range(count):
        is_last = number == count - 1
        if is_last:
            refuse_unless(last_length >= TAG, "G3")
        sealed = body[number * sealed_length : (number + 1) * sealed_length]
        plaintext.append(frames.open(number, is_last, sealed))
        refuse_unless(not (is_last and number > 0 and last_length == TAG), "B3")
    return b"".join(plaintext)


def open_records(header, frames, body):
    cursor = Cursor(body)
    records = []
    total = 0
    while True:
        mark = cursor.take(4)
        if mark == NO_MORE_RECORDS:
            break
        length = int.from_bytes(mark, "big")
        refuse_unless(length <= header.frame_length, "R2")
        refuse_unless(len(records) < MAX_RECORDS, "R3")
        total += length
        refuse_unless(total <= MAX_PLAINTEXT, "L1")
        records.append(frames.open(len(records), False, cursor.take(length + TAG)))
    table = b"".join(struct.pack(">I", len(record)) for record in records)
    read = cursor.take(min(len(table), cursor.left))
    refuse_unless(table.startswith(read), "R5")
    refuse_unless(len(read) == len(table), "G3")
    frames.open(len(records), True, cursor.take(TAG), aad=table, rule="R6")
    refuse_unless(cursor.integer(4) == len(records), "R7")
    refuse_unless(cursor.left == 0, "G4")
    return records


def open_records_by_index(unwrap, message, aad=b""):
    """The records of a message, found from its end; for the last one first, to show that order does not matter."""
    header = decode_header(message)
    refuse_unless(header.kind == RECORDS, "H4")
    frames = Frames(header.suite, message_key(unwrap, header, aad))
    refuse_unless(len(message) >= header.length + 24, "G3")
    count = int.from_bytes(message[-4:], "big")
    refuse_unless(count <= MAX_RECORDS, "R3")
    end = len(message) - 20 - 4 * count
    refuse_unless(end - 4 >= header.length, "R7")
    table = message[end : end + 4 * count]
    frames.open(count, True, message[-20:-4], aad=table, rule="R6")
    lengths = [length for (length,) in struct.iter_unpack(">I", table)]
    refuse_unless(all(length <= header.frame_length for length in lengths), "R2")
    whole = header.length + sum(20 + length for length in lengths) + 24 + 4 * count
    refuse_unless(whole == len(message), "R5")
    refuse_unless(message[end - 4 : end] == NO_MORE_RECORDS, "R4")
    records = [None] * count
    place = end - 4
    for number in reversed(range(count)):
        place -= 20 + lengths[number]
        refuse_unless(int.from_bytes(message[place : place + 4], "big") == lengths[number], "R5")
        sealed = message[place + 4 : place + 20 + lengths[number]]
        records[number] = frames.open(number, False, sealed)
    return header, records


# Writing.


def start(data_key, suite, kind, exponent, context, wrapped_keys, aad, salt):
    salt = os.urandom(24) if salt is None else salt
    pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    keys = schedule(data_key, suite, kind, exponent, salt, pairs, aad)
    encoded = encode_header(Header(suite, kind, exponent, salt, keys.commitment, pairs, wrapped_keys))
    decode_header(encoded)  # A writer refuses what a limit forbids [P3].
    return encoded, Frames(suite, keys.aead_key)


def seal_stream(data_key, plaintext, context, wrapped_keys, aad=b"", suite=1, exponent=16, salt=None):
    header, frames = start(data_key, suite, STREAM, exponent, context, wrapped_keys, aad, salt)
    step = 1 << exponent
    pieces = [plaintext[at : at + step] for at in range(0, len(plaintext), step)] or [b""]
    last = len(pieces) - 1
    return header + b"".join(frames.seal(number, number == last, piece) for number, piece in enumerate(pieces))


def seal_records(data_key, records, context, wrapped_keys, aad=b"", suite=1, exponent=24, salt=None):
    refuse_unless(len(records) <= MAX_RECORDS, "R3")
    header, frames = start(data_key, suite, RECORDS, exponent, context, wrapped_keys, aad, salt)
    refuse_unless(all(len(record) <= 1 << exponent for record in records), "R2")
    body = [
        struct.pack(">I", len(record)) + frames.seal(number, False, record) for number, record in enumerate(records)
    ]
    table = b"".join(struct.pack(">I", len(record)) for record in records)
    tag = frames.seal(len(records), True, b"", table)
    return header + b"".join(body) + NO_MORE_RECORDS + table + tag + struct.pack(">I", len(records))
