"""Branch keys of AWS's material providers library and of datakey in one table: each reads, rotates and uses what the other made.

    python branch_keys.py meet KMS DYNAMODB DRIVER ROTATIONS
    python branch_keys.py time KMS DYNAMODB        how long the AWS Encryption SDK takes for 300 bytes under a cached branch
                                               key, and where that is, for others to be measured beside it

DRIVER is the program of `tests/dynamodb`.
"""
import json
import logging
import sys
import threading
import time

import aws_encryption_sdk
from stack import (
    Refused,
    Stack,
    SUITES,
    b64,
    text_of,
    unb64,
    unwrap_by_hand,
    wrap_by_hand,
)

PLAINTEXT = "order 17 \u2603".encode()
#: Custom contexts, the odd ones too.
CUSTOM = [
    {"tenant": "acme"},
    {"mandant": "m\u00fcnchen \u2603 \U0001F511", "a:b": "c=d,e", "Z": "\u00e9"},
]
IDS = ["tenant-acme", "mandant m\u00fcnchen/\u2603"]


class Checks:
    def __init__(self):
        self.made = 0

    def same(self, found, expected, what):
        self.made += 1
        assert found == expected, f"{what}: {found!r:.300}, expected {expected!r:.300}"

    def refused(self, kind, what, call):
        """Datakey refuses, with an error of this class."""
        self.made += 1
        try:
            made = call()
        except Refused as refusal:
            assert kind is None or refusal.kind == kind, f"{what}: {refusal}, expected {kind}"
            return str(refusal)
        raise AssertionError(f"{what}: {made!r:.300}, expected a refusal")

    def fails(self, what, call):
        """The library of AWS refuses."""
        self.made += 1
        try:
            made = call()
        except Exception:  # pylint: disable=broad-except
            return
        raise AssertionError(f"{what}: {made!r:.300}, expected a failure")


def context_of(branch):
    return {"branch key": branch, "tenant": "acme", "\u2603": "\"\\\n", "Z": "a", "a": "Z"}


def both_use(check, stack, branch, sealed, say):
    """Both seal under the active version, and both open what was sealed before, by whomever and under whatever version."""
    context, datakey = context_of(branch), stack.datakey()
    ring = stack.ring(branch)
    for suite in SUITES:
        sealed.append((f"{say}, {suite}, by the library", stack.seal(ring, suite, context, PLAINTEXT)))
        ours = datakey("seal", suite=suite, context=context, plaintext=b64(PLAINTEXT))
        sealed.append((f"{say}, {suite}, by datakey", unb64(ours["message"])))
    for what, message in sealed:
        check.same(stack.open(ring, message, context), PLAINTEXT, f"{what}, opened by the library")
        opened = datakey("open", context=context, message=b64(message))
        check.same(unb64(opened["plaintext"]), PLAINTEXT, f"{what}, opened by datakey")
        other = {**context, "tenant": "other"}
        check.fails(f"{what}, with another context", lambda: stack.open(ring, message, other))
        check.refused(None, f"{what}, with another context", lambda: datakey("open", context=other, message=b64(message)))
    own = datakey("seal", suite="datakey", context=context, plaintext=b64(PLAINTEXT))
    opened = datakey("open", context=context, message=own["message"])
    check.same(unb64(opened["plaintext"]), PLAINTEXT, "the native format")
    data_keys(check, stack, datakey, branch, context)


def data_keys(check, stack, datakey, branch, context):
    """Data keys by themselves, wrapped by one and unwrapped by the specification's words over the library's branch key."""
    active = stack.active(branch)
    for pairs in [context, {"branch key": branch}]:
        made = datakey("wrap", context=pairs)
        blob = unb64(made["blob"])
        check.same(len(blob), 92, "the length of a wrapped data key")
        check.same(made["key id"], f"branch-key:{branch}", "its key id")
        found = unwrap_by_hand(active, branch, pairs, blob)
        check.same(found, unb64(made["data key"]), "a data key of datakey")
        for length in [16, 24, 32]:
            data_key = bytes(range(length))
            blob = wrap_by_hand(active, branch, pairs, data_key)
            opened = datakey("unwrap", id=branch, context=pairs, blob=b64(blob))
            check.same(unb64(opened["data key"]), data_key, "a data key by hand")
        for at in [0, 20, 30, 50, len(blob) - 1]:
            odd = bytearray(blob)
            odd[at] ^= 1
            call = lambda: datakey("unwrap", id=branch, context=pairs, blob=b64(odd))  # noqa: E731
            check.refused("NotAuthentic", f"byte {at} changed", call)


def agree(check, stack, branch, custom):
    """Both say the same of a branch key, and of each of its versions."""
    datakey = stack.datakey()
    told = datakey("active", id=branch)
    active = stack.active(branch)
    check.same(told["version"], text_of(active.branch_key_version), "the active version")
    check.same(told["context"], custom, "the custom context, by datakey")
    check.same(dict(active.encryption_context), custom, "the custom context, by the library")
    versions = [version["version"] for version in datakey("versions", id=branch)]
    in_table = {item["type"]["S"] for item in stack.items() if item["branch-key-id"]["S"] == branch}
    expected = {f"branch:version:{version}" for version in versions} | {"branch:ACTIVE", "beacon:ACTIVE"}
    check.same(in_table, expected, "the items of the table")
    for version in versions:
        found = stack.version(branch, version)
        check.same(text_of(found.branch_key_version), version, "a version, by the library")
        check.same(len(found.branch_key), 32, "its length")
    check.same(bytes(stack.version(branch, told["version"]).branch_key), bytes(active.branch_key), "the active key")
    check.same(len(stack.beacon(branch).beacon_key), 32, "the beacon key")
    datakey("verify", id=branch)
    check.made += 1
    return versions


def take_turns(check, stack, first):
    """One makes branch keys, and both rotate them in turns."""
    datakey, made = stack.datakey(), []
    for branch, custom in zip(IDS, CUSTOM):
        branch = f"{branch} {first}"
        if first == "library":
            check.same(stack.create(branch, custom), branch, "the id of one's own")
        else:
            told = datakey("create", id=branch, context=custom)
            check.same((told["id"], told["made"]), (branch, True), "the id of one's own")
            check.fails("made already", lambda: stack.create(branch, custom))
        made.append((branch, custom))
        again = datakey("create", id=branch, context=custom)
        check.same(again["made"], False, "what is there already, and the same")
        check.refused(None, "of another context", lambda: datakey("create", id=branch, context={"tenant": "other"}))
    nameless = stack.create() if first == "library" else datakey("create", context={})["id"]
    made.append((nameless, {}))
    for branch, custom in made:
        sealed, versions = [], agree(check, stack, branch, custom)
        both_use(check, stack, branch, sealed, "version 1")
        for number in [2, 3, 4]:
            if (number % 2 == 0) == (first == "library"):
                rotated = datakey("rotate", id=branch)
                check.same(rotated["made"], stack.datakey()("active", id=branch)["version"], "the version made")
            else:
                stack.rotate(branch)
            found = agree(check, stack, branch, custom)
            check.same(len(found), number, "versions")
            check.same(set(versions) < set(found), True, "earlier versions are there")
            versions = found
            both_use(check, stack, branch, sealed, f"version {number}")


def calls_are_few(check, stack):
    """Everything under one branch key costs a process one read and one Decrypt, and one more of each to open."""
    stack.create("calls", {"tenant": "acme"})
    context, datakey = context_of("calls"), stack.datakey()
    for _ in range(20):
        message = datakey("seal", suite="0478", context=context, plaintext=b64(PLAINTEXT))["message"]
        datakey("open", context=context, message=message)
    told = datakey("calls")
    check.same(told["sealing"] + told["opening"] <= 2, True, f"calls for 40 operations: {told}")


def odd_items_are_refused(check, stack):
    """Hierarchy version 2, changed attributes, what is missing, and another KMS key."""
    context = context_of("odd")
    stack.create("odd", {"tenant": "acme"})
    good = stack.item("odd", "branch:ACTIVE")
    seal = lambda: stack.datakey()("seal", suite="0478", context=context, plaintext=b64(PLAINTEXT))  # noqa: E731
    seal()
    for change, kind, words in [
        ({"hierarchy-version": {"N": "2"}}, "InvalidRequest", "hierarchy version \"2\""),
        ({"aws-crypto-ec:tenant": {"S": "other"}}, "NotAuthentic", ""),
        ({"aws-crypto-ec:more": {"S": "pair"}}, "NotAuthentic", ""),
        ({"create-time": {"S": "2030-01-01T00:00:00.000000Z"}}, "NotAuthentic", ""),
        ({"version": {"S": "branch:version:0b4d5a6e-8f0e-4a54-9d8e-0b1f2c3d4e5f"}}, "NotAuthentic", ""),
        ({"enc": {"B": good["enc"]["B"][:-1] + b"\x00"}}, "NotAuthentic", ""),
        ({"kms-arn": {"S": stack.key.replace("key/", "key/0")}}, "InvalidRequest", "does not open with"),
        ({"note": {"S": "a note"}}, "InvalidRequest", "note"),
    ]:
        stack.put({**good, **change})
        told = check.refused(kind, f"{change}", seal)
        assert words in told, f"{words!r} is not in {told}"
        check.refused(None, f"{change}, rotating", lambda: stack.datakey()("rotate", id="odd"))
        check.fails(f"{change}, by the library", lambda: stack.active("odd")) if "note" not in change else None
    stack.put(good)
    seal()
    check.refused("UnavailableKey", "missing", lambda: stack.datakey()("wrap", context=context_of("nobody")))
    check.refused(None, "missing", lambda: stack.datakey()("rotate", id="nobody"))
    check.refused(None, "an id without a context", lambda: stack.datakey()("create", id="alone", context={}))


def renamed(check, stack, kms, dynamodb, driver):
    """A table restored under another name is the same by its logical name, for both, and another one without it."""
    stack.create("moved", CUSTOM[1])
    context = context_of("moved")
    message = stack.seal(stack.ring("moved"), "0578", context, PLAINTEXT)
    copy = Stack(kms, dynamodb, driver, key=stack.key, logical_name=stack.logical_name)
    for item in stack.items():
        copy.put(item)
    opened = copy.datakey()("open", context=context, message=b64(message))
    check.same(unb64(opened["plaintext"]), PLAINTEXT, "from the copy")
    copy.datakey()("rotate", id="moved")
    copy.rotate("moved")
    ours = copy.datakey()("seal", suite="0578", context=context, plaintext=b64(PLAINTEXT))
    check.same(copy.open(copy.ring("moved"), unb64(ours["message"]), context), PLAINTEXT, "the copy goes on")
    stranger = copy.datakey(logical_name=copy.table)
    check.refused("NotAuthentic", "by its own name", lambda: stranger("open", context=context, message=b64(message)))
    check.refused("NotAuthentic", "by its own name", lambda: stranger("rotate", id="moved"))
    ring = copy.ring("moved", copy.key_store(copy.table))
    check.fails("by its own name, the library", lambda: copy.open(ring, message, context))
    copy.end()


def rotate_at_once(check, stack, rounds):
    """Two of datakey and one of the library rotate at once: each version that was reported made is readable by both."""
    branch = "raced"
    stack.create(branch, {"tenant": "acme"})
    first = stack.datakey()("active", id=branch)["version"]
    made, failures, start = [first], [], threading.Barrier(3)
    counts = {"datakey": 0, "by another": 0, "library": 0}

    def ours():
        datakey = stack.datakey()
        start.wait()
        for _ in range(rounds):
            told = datakey("rotate", id=branch)
            if "made" in told:
                made.append(told["made"])
                counts["datakey"] += 1
            else:
                counts["by another"] += 1

    def theirs():
        store = stack.key_store()
        start.wait()
        for _ in range(rounds):
            try:
                stack.rotate(branch, store)
                counts["library"] += 1
            except Exception as error:  # pylint: disable=broad-except
                # Its condition does not tell a race, so that it is not expected to lose one.
                failures.append(error)

    def kept(run):
        def wrapped():
            try:
                run()
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        return wrapped

    threads = [threading.Thread(target=kept(run)) for run in [ours, ours, theirs]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check.same(failures, [], "failures")
    versions = agree(check, stack, branch, {"tenant": "acme"})
    check.same(set(made) <= set(versions), True, "each version that was reported made is there")
    check.same(len(versions), 1 + counts["datakey"] + counts["library"], "no version is there that nobody reported")
    check.same(stack.datakey()("active", id=branch)["version"] in versions, True, "ACTIVE is one of them")
    check.same(counts["datakey"] > 0 and counts["library"] > 0, True, f"both rotated: {counts}")
    datakey = stack.datakey()
    for version in versions:
        materials = stack.version(branch, version)
        blob = wrap_by_hand(materials, branch, context_of(branch), bytes(32))
        opened = datakey("unwrap", id=branch, context=context_of(branch), blob=b64(blob))
        check.same(unb64(opened["data key"]), bytes(32), "a version is the same key to both")
    both_use(check, stack, branch, [], "after the race")
    print(f"rotated at once: {counts}")


def timed(stack, rounds=7, messages=300):
    """Microseconds to seal and to open 300 bytes under a branch key that is cached: the fastest of so many rounds."""
    stack.create("timed", {"tenant": "acme"})
    context, plaintext = {"tenant": "acme", "purpose": "orders"}, bytes(300)
    ring = stack.ring("timed")
    best = {"seal": float("inf"), "open": float("inf")}
    for _ in range(rounds):
        began = time.perf_counter()
        sealed = [stack.seal(ring, "0478", context, plaintext) for _ in range(messages)]
        best["seal"] = min(best["seal"], (time.perf_counter() - began) / messages * 1e6)
        began = time.perf_counter()
        for message in sealed:
            assert stack.open(ring, message, context) == plaintext
        best["open"] = min(best["open"], (time.perf_counter() - began) / messages * 1e6)
    where = {"table": stack.table, "logical name": stack.logical_name, "key": stack.key, "branch key": "timed"}
    return {"kms": stack.urls[0], "dynamodb": stack.urls[1], **where, **best}


def meet(kms, dynamodb, driver, rounds):
    check = Checks()
    for name, run in [
        ("the library makes, both use", lambda stack: take_turns(check, stack, "library")),
        ("datakey makes, both use", lambda stack: take_turns(check, stack, "datakey")),
        ("few calls", lambda stack: calls_are_few(check, stack)),
        ("odd items", lambda stack: odd_items_are_refused(check, stack)),
        ("a renamed table", lambda stack: renamed(check, stack, kms, dynamodb, driver)),
        ("rotating at once", lambda stack: rotate_at_once(check, stack, rounds)),
    ]:
        before, stack = check.made, Stack(kms, dynamodb, driver)
        run(stack)
        stack.end()
        print(f"{name}: {check.made - before} checks", flush=True)
    print(f"{check.made} checks with the AWS Encryption SDK for Python {aws_encryption_sdk.__version__}")


def main():
    # What is meant to fail is logged by the SDK.
    logging.disable(logging.CRITICAL)
    match sys.argv[1:]:
        case ["meet", kms, dynamodb, driver, rounds]:
            meet(kms, dynamodb, driver, int(rounds))
        case ["time", kms, dynamodb]:
            print(json.dumps(timed(Stack(kms, dynamodb, None))))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
