"""Orders sealed and opened by the AWS Encryption SDK for Python over KMS, with its caching CMM.

    python orders.py write FILE COUNT                     writes orders, one a line
    python orders.py calls FILE ENDPOINT KEY MESSAGES BYTES
        seals and opens them, with data keys for so many messages and so many bytes: what KMS counts is compared elsewhere
    python orders.py time FILE ENDPOINT KEY FOLDER        the same without such limits; leaves the messages and the times
    python orders.py open FILE ENDPOINT KEY FOLDER        opens what another writer made of them, and compares
"""

import base64
import csv
import json
import pathlib
import sys
import time

import aws_encryption_sdk
import boto3
from aws_encryption_sdk.caches.local import LocalCryptoMaterialsCache
from aws_encryption_sdk.identifiers import Algorithm, CommitmentPolicy
from aws_encryption_sdk.key_providers.kms import KMSMasterKey, KMSMasterKeyConfig
from aws_encryption_sdk.materials_managers.caching import CachingCryptoMaterialsManager

ORDERS = pathlib.Path(__file__).parents[3] / "crates/cli/data/cdnow-orders.csv"
CONTEXT = {"tenant": "acme", "purpose": "orders"}
SDK = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)


def write(path, count):
    """As the demo of the command line writes them."""
    with ORDERS.open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))[: int(count)]
    with pathlib.Path(path).open("w", encoding="ascii", newline="\n") as file:
        for row in rows:
            order = {**row, "order": int(row["order"]), "items": int(row["items"])}
            file.write(json.dumps(order, separators=(",", ":")) + "\n")


def read(path):
    return pathlib.Path(path).read_bytes().splitlines()


def manager(endpoint, key, **limits):
    client = boto3.client("kms", endpoint_url=endpoint)
    return CachingCryptoMaterialsManager(
        master_key_provider=KMSMasterKey(config=KMSMasterKeyConfig(key_id=key, client=client)),
        cache=LocalCryptoMaterialsCache(capacity=100),
        max_age=600.0,
        **limits,
    )


def seal(orders, with_manager):
    return [
        SDK.encrypt(
            source=order,
            materials_manager=with_manager,
            algorithm=Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
            encryption_context=CONTEXT,
        )[0]
        for order in orders
    ]


def opened(messages, with_manager):
    return [SDK.decrypt(source=message, materials_manager=with_manager)[0] for message in messages]


def calls(path, endpoint, key, messages, size):
    orders = read(path)
    limits = {"max_messages_encrypted": int(messages), "max_bytes_encrypted": int(size)}
    with_manager = manager(endpoint, key, **limits)
    sealed = seal(orders, with_manager)
    assert opened(sealed, with_manager) == orders


def timed(path, endpoint, key, folder):
    orders = read(path)
    sealing, opening = manager(endpoint, key), manager(endpoint, key)
    times = {}
    began = time.perf_counter()
    sealed = seal(orders, sealing)
    times["seal"] = time.perf_counter() - began
    began = time.perf_counter()
    found = opened(sealed, opening)
    times["open"] = time.perf_counter() - began
    assert found == orders
    folder = pathlib.Path(folder)
    (folder / "python.txt").write_bytes(b"".join(base64.b64encode(message) + b"\n" for message in sealed))
    (folder / "python.json").write_text(json.dumps(times), encoding="ascii")


def open_all(path, endpoint, key, folder):
    messages = [base64.b64decode(line) for line in (pathlib.Path(folder) / "datakey.txt").read_bytes().splitlines()]
    assert opened(messages, manager(endpoint, key)) == read(path)
    print(f"{len(messages)} orders opened by the AWS Encryption SDK for Python {aws_encryption_sdk.__version__}")


def main():
    match sys.argv[1:]:
        case ["write", path, count]:
            write(path, count)
        case ["calls", path, endpoint, key, messages, size]:
            calls(path, endpoint, key, messages, size)
        case ["time", path, endpoint, key, folder]:
            timed(path, endpoint, key, folder)
        case ["open", path, endpoint, key, folder]:
            open_all(path, endpoint, key, folder)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
