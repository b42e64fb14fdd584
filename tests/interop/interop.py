"""Checks vector files against the second implementation, or writes messages of its own as vector files.

    interop.py check FOLDER     every file must open, or be refused for the rule it names, as it says
    interop.py write FOLDER     messages of random shapes, for the other implementation to open
"""

import json
import os
import random
import sys
from pathlib import Path

import datakey_format as fmt


def parse(text):
    head, _, body = text.partition("\n\n")
    fields = {}
    for line in head.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name, []).append(value.removeprefix(" "))
    return fields, bytes.fromhex("".join(body.split()))


def content(header, plaintext):
    """The lines that tell what a message holds, in the order of the file."""
    context = {key.decode(): value.decode() for key, value in header.context}
    lines = [("context", context)]
    lines += [("wrapped-key", f"{key_id.decode()} {blob.hex()}") for key_id, blob in header.wrapped_keys]
    if header.kind == fmt.RECORDS:
        lines.append(("records", str(len(plaintext))))
        lines += [("record", record.hex()) for record in plaintext]
    else:
        lines.append(("plaintext", plaintext.hex()))
    return lines


def expected_content(fields):
    lines = [("context", json.loads(fields["context"][0]))]
    for name in ("wrapped-key", "records", "record", "plaintext"):
        lines += [(name, value) for value in fields.get(name, [])]
    return lines


def unwrapper(values):
    """What opens the wrapped keys of a vector: all to the same data key, or each to its own, or to none."""
    data_keys = [bytes.fromhex(value) or None for value in values]
    asked = set()

    def unwrap(place, _wrapped_key):
        if place in asked:
            raise AssertionError(f"the wrapped key at place {place} was unwrapped twice")
        asked.add(place)
        return data_keys[place] if len(data_keys) > 1 else data_keys[0]

    return unwrap


def check_one(fields, message):
    """What is wrong with a vector, or nothing."""
    keys, aad = fields["data-key"], bytes.fromhex(fields["aad"][0])
    result = fields["result"][0]
    try:
        header, plaintext = fmt.open_message(unwrapper(keys), message, aad)
    except fmt.Refused as refused:
        if not result.startswith("refused "):
            return f"refused for {refused.rule}"
        rule = result.removeprefix("refused ")
        same = fmt.refusal_class(rule) == fmt.refusal_class(refused.rule)
        if refused.rule != rule or not same:
            return f"refused for {refused.rule}, not for {rule}"
        return None
    if result != "opened":
        return f"opened, and should be {result}"
    if content(header, plaintext) != expected_content(fields):
        return "opened to something else"
    if header.kind == fmt.RECORDS:
        if fmt.open_records_by_index(unwrapper(keys), message, aad)[1] != plaintext:
            return "other records when read by index"
    if fmt.encode_header(header) != message[: header.length]:
        return "the header is encoded otherwise"
    return None


def check(folder):
    files = sorted(Path(folder).iterdir())
    wrong = 0
    for path in files:
        problem = check_one(*parse(path.read_text(encoding="utf-8")))
        if problem:
            wrong += 1
            print(f"{path.name}: {problem}")
    if wrong or not files:
        sys.exit(f"{wrong} of {len(files)} files are not as they say")
    print(f"python: {len(files)} files are as they say")


def random_message(source, number):
    suite = 1 + number % 2
    exponent = source.choice([6, 7, 10, 16, 24])
    limit = 1 << min(exponent, 10)
    context = {f"key {at}": source.choice(["", "acme", "\u2603 snow", "\U0001f600"]) for at in range(source.randrange(5))}
    keys = [(f"python:{at}".encode(), source.randbytes(source.randrange(1, 300))) for at in range(source.randrange(1, 4))]
    data_key, aad = source.randbytes(32), source.randbytes(source.choice([0, 1, 40]))
    own = source.randrange(len(keys))  # Of the others, each may be another message's, or not open.
    data_keys = [
        data_key if place == own else source.choice([data_key, source.randbytes(32), b""]) for place in range(len(keys))
    ]
    if source.randrange(2):
        plaintext = source.randbytes(source.choice([0, 1, limit - 1, limit, limit + 1, 3 * limit, 3 * limit + 5]))
        message = fmt.seal_stream(data_key, plaintext, context, keys, aad, suite, exponent)
    else:
        plaintext = [source.randbytes(source.choice([0, 1, 20, limit])) for _ in range(source.randrange(8))]
        message = fmt.seal_records(data_key, plaintext, context, keys, aad, suite, exponent)
    return data_keys, aad, message, plaintext


def write(folder):
    seed = os.environ.get("DATAKEY_SEED") or str(random.SystemRandom().randrange(2**32))
    print(f"python: seed {seed} (set DATAKEY_SEED to repeat)")
    source = random.Random(seed)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for number in range(200):
        data_keys, aad, message, plaintext = random_message(source, number)
        lines = [("about", "written in Python"), ("result", "opened")]
        lines += [("data-key", data_key.hex()) for data_key in data_keys]
        lines += [("aad", aad.hex())]
        for name, value in content(fmt.decode_header(message), plaintext):
            lines.append((name, json.dumps(value) if name == "context" else value))
        text = "".join(f"{name}: {value}".rstrip() + "\n" for name, value in lines)
        Path(folder, f"python-{number:03}.txt").write_text(f"{text}\n{message.hex()}\n", encoding="utf-8")
    print("python: 200 messages written")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["check", folder]:
            check(folder)
        case ["write", folder]:
            write(folder)
        case _:
            sys.exit(__doc__)
