"""Messages of the AWS Encryption SDK for Python, with the data key of each: known answers for a reader.

Run with the packages of requirements.txt beside it:

    python vectors.py write FILE [large]
                                      writes the vectors as JSON; with `large`, of plaintexts that no file should keep too
    python vectors.py write-rsa FILE  the same for those whose data keys are wrapped under an RSA key
    python vectors.py open FOLDER     opens what another writer left in a folder, and compares
    python vectors.py refuse          has the SDK refuse what stands in the refusals beside the vectors

The wrapping keys are raw AES keys of this script and an RSA key beside the vectors, so that no service is needed. Randomness is
the SDK's own: each run writes other messages.
"""

import base64
import json
import logging
import pathlib
import struct
import sys

import aws_encryption_sdk
from aws_encryption_sdk.identifiers import (
    Algorithm,
    CommitmentPolicy,
    EncryptionKeyType,
    WrappingAlgorithm,
)
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.raw import RawMasterKeyProvider
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

WRAPPING_KEY = bytes(range(32))
NAMESPACE = "shop"
NAMES = (b"first", b"second")
VECTORS = pathlib.Path(__file__).parents[2] / "vectors/esdk"
RSA_KEY = VECTORS / "rsa/private-pkcs8.pem"
RSA_NAME = b"rsa"
PADDINGS = tuple(algorithm.name for algorithm in WrappingAlgorithm if algorithm.name.startswith("RSA_"))

COMMITTING = ("AES_256_GCM_HKDF_SHA512_COMMIT_KEY", "AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384")
OTHERS = (
    "AES_128_GCM_IV12_TAG16",
    "AES_192_GCM_IV12_TAG16",
    "AES_256_GCM_IV12_TAG16",
    "AES_128_GCM_IV12_TAG16_HKDF_SHA256",
    "AES_192_GCM_IV12_TAG16_HKDF_SHA256",
    "AES_256_GCM_IV12_TAG16_HKDF_SHA256",
    "AES_128_GCM_IV12_TAG16_HKDF_SHA256_ECDSA_P256",
    "AES_192_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384",
    "AES_256_GCM_IV12_TAG16_HKDF_SHA384_ECDSA_P384",
)
CONTEXTS = (
    {},
    {"tenant": "acme", "purpose": "orders"},
    {"\u00e4\u00f6\u00fc": "\u00df", "\U0001f511": "\U0001f4b6", "a": "", "\uffee": "after astral keys in UTF-16"},
)
# Frame length and plaintext length; a frame length of zero is content that is not framed.
SHAPES = ((4096, 0), (4096, 300), (128, 128), (128, 1000), (256, 768), (0, 0), (0, 777))
LARGE = ((4096, 3_000_000), (1 << 20, 5_000_000))


class Keys(RawMasterKeyProvider):
    """The wrapping keys of this script."""

    provider_id = NAMESPACE

    def _get_raw_key(self, key_id):
        return WrappingKey(
            wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            wrapping_key=WRAPPING_KEY,
            wrapping_key_type=EncryptionKeyType.SYMMETRIC,
        )


class RsaKey(RawMasterKeyProvider):
    """The RSA key beside the vectors, with one padding."""

    provider_id = NAMESPACE
    padding = None

    def _get_raw_key(self, key_id):
        return WrappingKey(
            wrapping_algorithm=WrappingAlgorithm[self.padding],
            wrapping_key=RSA_KEY.read_bytes(),
            wrapping_key_type=EncryptionKeyType.PRIVATE,
        )


def rsa_key(padding):
    provider = RsaKey()
    provider.padding = padding
    provider.add_master_key(RSA_NAME)
    return provider


def keys(names):
    provider = Keys()
    for name in names:
        provider.add_master_key(name)
    return provider


def serialised(context):
    if not context:
        return b""
    pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    encoded = b"".join(
        struct.pack(">H", len(key)) + key + struct.pack(">H", len(value)) + value for key, value in pairs
    )
    return struct.pack(">H", len(pairs)) + encoded


def data_key(header):
    """Unwraps the first encrypted data key: nonce at the end of the provider info, tag at the end of the ciphertext."""
    first = sorted(header.encrypted_data_keys, key=lambda key: key.key_provider.key_info)[0]
    nonce = first.key_provider.key_info[-12:]
    context = serialised(header.encryption_context)
    return AESGCM(WRAPPING_KEY).decrypt(nonce, first.encrypted_data_key, context)


def plaintext(length):
    return bytes((7 * at + length) % 256 for at in range(length))


def client(policy):
    return aws_encryption_sdk.EncryptionSDKClient(commitment_policy=policy)


def messages(shapes):
    turn = 0
    for policy, names in (
        (CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, COMMITTING),
        (CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT, OTHERS),
    ):
        for name in names:
            for frame_length, length in shapes:
                turn += 1
                context = CONTEXTS[turn % len(CONTEXTS)]
                wrapping = keys(NAMES[: 1 + turn % 2])
                sealed, header = client(policy).encrypt(
                    source=plaintext(length),
                    key_provider=wrapping,
                    algorithm=Algorithm[name],
                    frame_length=frame_length,
                    encryption_context=dict(context),
                )
                yield {
                    "suite": header.algorithm.algorithm_id,
                    "frame-length": frame_length,
                    "plaintext-length": length,
                    "context": context,
                    "data-key": base64.b64encode(data_key(header)).decode(),
                    "message": base64.b64encode(sealed).decode(),
                }


RSA_SUITES = (
    (CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, COMMITTING[0]),
    (CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT, "AES_128_GCM_IV12_TAG16_HKDF_SHA256"),
    (CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT, "AES_192_GCM_IV12_TAG16_HKDF_SHA256"),
)


def rsa_messages():
    """Each padding with data keys of each length."""
    assert len(PADDINGS) == 5, PADDINGS
    for padding in PADDINGS:
        for turn, (policy, name) in enumerate(RSA_SUITES):
            length = 40 * turn
            sealed, header = client(policy).encrypt(
                source=plaintext(length),
                key_provider=rsa_key(padding),
                algorithm=Algorithm[name],
                encryption_context=dict(CONTEXTS[turn]),
            )
            yield {
                "suite": header.algorithm.algorithm_id,
                "padding": padding,
                "plaintext-length": length,
                "context": CONTEXTS[turn],
                "message": base64.b64encode(sealed).decode(),
            }


def write(path, tests):
    made = {
        "source": f"AWS Encryption SDK for Python {aws_encryption_sdk.__version__}",
        "tests": list(tests),
    }
    pathlib.Path(path).write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(made['tests'])} messages written")


def open_all(folder):
    """Opens messages of another writer: each file has its message and what it should hold."""
    opened = 0
    for path in sorted(pathlib.Path(folder).glob("*.json")):
        test = json.loads(path.read_text(encoding="utf-8"))
        policy = CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT
        wrapping = rsa_key(test["padding"]) if "padding" in test else keys(NAMES)
        found, header = client(policy).decrypt(
            source=base64.b64decode(test["message"]), key_provider=wrapping
        )
        assert found == base64.b64decode(test["plaintext"]), path.name
        for key, value in test["context"].items():
            assert header.encryption_context[key] == value, path.name
        opened += 1
    assert opened, "there is nothing to open"
    print(f"{opened} messages opened by the AWS Encryption SDK for Python {aws_encryption_sdk.__version__}")


def refuse():
    """Has each refusal tried. The SDK reads no further than a message's end, and opens those with bytes behind it."""
    logging.disable()  # each refusal would be logged with its stack
    tried = 0
    for path in sorted(VECTORS.glob("refusals*.json")):
        refused = json.loads(path.read_text(encoding="utf-8"))
        messages = json.loads((VECTORS / refused["messages"]).read_text(encoding="utf-8"))["tests"]
        for test in refused["tests"]:
            message = bytearray(base64.b64decode(messages[test["of"]]["message"]))
            message[test["at"] : test["at"] + test["remove"]] = bytes.fromhex(test["insert"])
            policy = CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT
            try:
                client(policy).decrypt(source=bytes(message), key_provider=keys(NAMES))
                opened = True
            except Exception:  # whatever it raises is a refusal; there are a dozen kinds
                opened = False
            assert opened == (test["breaks"] == "trailing"), test
            tried += 1
    print(f"{tried} refusals tried by the AWS Encryption SDK for Python {aws_encryption_sdk.__version__}")


def main():
    match sys.argv[1:]:
        case ["write", path]:
            write(path, messages(SHAPES))
        case ["write", path, "large"]:
            write(path, messages(SHAPES + LARGE))
        case ["write-rsa", path]:
            write(path, rsa_messages())
        case ["open", folder]:
            open_all(folder)
        case ["refuse"]:
            refuse()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
