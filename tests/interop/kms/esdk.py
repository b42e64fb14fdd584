"""The AWS Encryption SDK for Python over KMS: its keyrings and its older master keys.

esdk.py ENDPOINT OUTPUT FOLDER MOTO: each call of the SDK is one or more of KMS, which are counted on their way out. Messages
that another language opens are left in FOLDER; MOTO has DynamoDB, for branch keys. Writes what came of each call to OUTPUT as JSON.
"""
import json
import logging
import os
import pathlib
import sys
import time

import aws_encryption_sdk
import boto3
from aws_cryptographic_material_providers.keystore.client import KeyStore
from aws_cryptographic_material_providers.keystore.config import KeyStoreConfig
from aws_cryptographic_material_providers.keystore.models import (
    CreateKeyInput,
    CreateKeyStoreInput,
    KMSConfigurationKmsKeyArn,
    VersionKeyInput,
)
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CacheTypeDefault,
    CreateAwsKmsDiscoveryKeyringInput,
    CreateAwsKmsHierarchicalKeyringInput,
    CreateAwsKmsKeyringInput,
    CreateAwsKmsMrkDiscoveryKeyringInput,
    CreateAwsKmsMrkKeyringInput,
    CreateMultiKeyringInput,
    DefaultCache,
    DiscoveryFilter,
)
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.identifiers import AlgorithmSuite
from aws_encryption_sdk.key_providers.kms import (
    DiscoveryAwsKmsMasterKeyProvider,
    DiscoveryFilter as OlderFilter,
    KMSMasterKey,
    KMSMasterKeyConfig,
    StrictAwsKmsMasterKeyProvider,
)

CONTEXT = {"tenant": "acme", "purpose": "orders", "\u2603": "\"\\\n"}
SUITES = [
    AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
    AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
]
MISSING = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-4333-8444-555555555555"


class Run:
    def __init__(self):
        self.calls, self.failures, self.kms = 0, [], {}

    def count(self, client):
        def sent(model, **_):
            self.kms[model.name] = self.kms.get(model.name, 0) + 1

        client.meta.events.register("before-call.kms", sent)

    def succeeds(self, name, call, expected=None, kms=None):
        """Makes a call of the SDK; `kms` is how many calls of each operation it may make on the way."""
        self.calls += 1
        self.kms.clear()
        try:
            made = call()
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(f"{name}: {chain(error)}")
            return None
        if expected is not None and made != expected:
            self.failures.append(f"{name}: {made!r:.60}, expected {expected!r:.60}")
        if kms is not None and self.kms != kms:
            self.failures.append(f"{name}: KMS was asked {self.kms}, expected {kms}")
        return made

    def fails(self, name, call, text=None):
        """A call that must fail; with `text`, because KMS answered just that. The keyrings keep no code."""
        self.calls += 1
        self.kms.clear()
        try:
            call()
        except Exception as error:  # pylint: disable=broad-except
            if text and text not in chain(error):
                self.failures.append(f"{name}: failed without {text!r}: {chain(error)}")
        else:
            self.failures.append(f"{name}: succeeded")


def chain(error):
    """All that an error says, with what caused it and the errors that it collects."""
    seen, texts, next_up = set(), [], [error]
    while next_up:
        one = next_up.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        texts.append(f"{type(one).__name__}: {one}")
        next_up += [one.__cause__, one.__context__, *(getattr(one, "list", None) or [])]
    return " / ".join(texts)


class Keyrings:
    def __init__(self, client):
        self.client = client
        self.mpl = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())

    def of(self, key):
        return self.mpl.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key, kms_client=self.client))

    def both(self, one, other):
        return self.mpl.create_multi_keyring(
            CreateMultiKeyringInput(generator=self.of(one), child_keyrings=[self.of(other)])
        )

    def discovery(self, account):
        return self.mpl.create_aws_kms_discovery_keyring(
            CreateAwsKmsDiscoveryKeyringInput(
                kms_client=self.client, discovery_filter=DiscoveryFilter(account_ids=[account], partition="aws")
            )
        )


def with_replicas(run, sdk, here, there, mpl):
    """Sealed under the primary, opened with its replica, by key and by discovery."""
    primary = here.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    replica = here.replicate_key(KeyId=primary, ReplicaRegion="us-east-1")["ReplicaKeyMetadata"]["Arn"]

    def ring(key, client):
        return mpl.create_aws_kms_mrk_keyring(CreateAwsKmsMrkKeyringInput(kms_key_id=key, kms_client=client))

    def seal():
        return sdk.encrypt(source=b"order 17", keyring=ring(primary, here), encryption_context=CONTEXT)[0]

    message = run.succeeds("seal under a primary", seal, kms={"GenerateDataKey": 1})
    discovery = mpl.create_aws_kms_mrk_discovery_keyring(
        CreateAwsKmsMrkDiscoveryKeyringInput(kms_client=there, region="us-east-1")
    )
    for name, keyring in [("with the replica", ring(replica, there)), ("by discovery of replicas", discovery)]:
        opened = lambda: sdk.decrypt(source=message, keyring=keyring)[0]  # noqa: E731
        run.succeeds(f"open {name}", opened, b"order 17", {"Decrypt": 1})


def with_keyrings(run, sdk, kms, rings, keys, folder):
    one, other, alias, account = keys
    ring = rings.of(one)

    def seal(source=b"order 17", keyring=ring, context=CONTEXT, **more):
        return sdk.encrypt(source=source, keyring=keyring, encryption_context=context, **more)[0]

    def opened(message, keyring=ring, **more):
        return sdk.decrypt(source=message, keyring=keyring, **more)[0]

    generate, decrypt = {"GenerateDataKey": 1}, {"Decrypt": 1}
    for size in [0, 1, 4095, 4096, 100_000]:
        source = bytes(size)
        message = run.succeeds(f"seal {size} bytes", lambda: seal(source), kms=generate)
        run.succeeds(f"open {size} bytes", lambda: opened(message), source, decrypt)
    for context in [{}, {"a": "b"}, {f"key {n}": "v" * 100 for n in range(40)}]:
        message = run.succeeds(f"seal {len(context)} pairs", lambda: seal(context=context))
        run.succeeds(f"open {len(context)} pairs", lambda: opened(message, encryption_context=context), b"order 17")
    for suite in SUITES:
        message = run.succeeds(f"seal with {suite.name}", lambda: seal(algorithm=suite))
        run.succeeds(f"open with {suite.name}", lambda: opened(message), b"order 17")
    message = run.succeeds("seal small frames", lambda: seal(bytes(1000), frame_length=128))
    run.succeeds("open small frames", lambda: opened(message), bytes(1000))
    (folder / "python.message").write_bytes(message or b"")
    both = rings.both(one, other)
    message = run.succeeds("seal under two keys", lambda: seal(keyring=both), kms={"GenerateDataKey": 1, "Encrypt": 1})
    run.succeeds("open with the first", lambda: opened(message), b"order 17", decrypt)
    run.succeeds("open with the second", lambda: opened(message, rings.of(other)), b"order 17", decrypt)
    run.succeeds("open with both", lambda: opened(message, both), b"order 17", decrypt)
    run.succeeds("open by discovery", lambda: opened(message, rings.discovery(account)), b"order 17", decrypt)
    run.fails("open by another account's discovery", lambda: opened(message, rings.discovery("999999999999")))
    message = seal()
    run.fails("open with another key", lambda: opened(message, rings.of(other)))
    run.fails("open with another context", lambda: opened(message, encryption_context={"tenant": "other"}))
    for at in [100, len(message) // 2, len(message) - 1]:
        changed = bytearray(message)
        changed[at] ^= 1
        run.fails(f"open with byte {at} changed", lambda: opened(bytes(changed)))
    run.fails("open a part", lambda: opened(message[:-10]))
    run.succeeds("seal under an alias", lambda: seal(keyring=rings.of(alias)), kms=generate)
    run.fails("seal under a missing key", lambda: seal(keyring=rings.of(MISSING)), "does not exist")
    kms.disable_key(KeyId=one)
    run.fails("seal under a disabled key", seal, "is disabled")
    run.fails("open under a disabled key", lambda: opened(message), "is disabled")
    kms.enable_key(KeyId=one)
    run.succeeds("open under the key enabled again", lambda: opened(message), b"order 17")


def with_branch_keys(run, sdk, kms, key, mpl, moto):
    """The hierarchical keyring: branch keys in a table, each opened by KMS once and used for all that follows."""
    table = f"branch-keys-{time.time_ns()}"
    store = KeyStore(
        config=KeyStoreConfig(
            ddb_client=boto3.client("dynamodb", endpoint_url=moto),
            ddb_table_name=table,
            logical_key_store_name=table,
            kms_client=kms,
            kms_configuration=KMSConfigurationKmsKeyArn(key),
        )
    )
    run.succeeds("make a table of branch keys", lambda: store.create_key_store(CreateKeyStoreInput()), kms={})
    made = {"GenerateDataKeyWithoutPlaintext": 2, "ReEncrypt": 1}
    branch = run.succeeds("make a branch key", lambda: store.create_key(CreateKeyInput()).branch_key_identifier, kms=made)

    def ring():
        return mpl.create_aws_kms_hierarchical_keyring(
            CreateAwsKmsHierarchicalKeyringInput(
                key_store=store,
                branch_key_id=branch,
                ttl_seconds=600,
                cache=CacheTypeDefault(value=DefaultCache(entry_capacity=10)),
            )
        )

    def seal(keyring):
        return sdk.encrypt(source=b"order 17", keyring=keyring, encryption_context=CONTEXT)[0]

    first, once = ring(), {"Decrypt": 1}
    message = run.succeeds("seal under a branch key", lambda: seal(first), kms=once)
    run.succeeds("seal under the branch key again", lambda: seal(first), kms={})
    for name, keyring, kms_calls in [("another reader", ring(), once), ("the writer", first, once), ("the writer again", first, {})]:
        opened = lambda: sdk.decrypt(source=message, keyring=keyring)[0]  # noqa: E731
        run.succeeds(f"open under a branch key, {name}", opened, b"order 17", kms_calls)
    rotated = {"GenerateDataKeyWithoutPlaintext": 1, "ReEncrypt": 2}
    run.succeeds("rotate a branch key", lambda: store.version_key(VersionKeyInput(branch_key_identifier=branch)), kms=rotated)
    later = ring()
    run.succeeds("seal under the new version", lambda: seal(later), kms=once)
    opened = lambda: sdk.decrypt(source=message, keyring=later)[0]  # noqa: E731
    run.succeeds("open under the old version", opened, b"order 17", once)
    kms.disable_key(KeyId=key)
    run.fails("seal under a branch key whose wrapping key is disabled", lambda: seal(ring()), "is disabled")
    run.succeeds("seal under the branch key that is cached", lambda: seal(later), kms={})
    kms.enable_key(KeyId=key)


def with_master_keys(run, sdk, client, keys):
    one, other, alias, account = keys
    key = KMSMasterKey(config=KMSMasterKeyConfig(key_id=one, client=client))
    second = KMSMasterKey(config=KMSMasterKeyConfig(key_id=other, client=client))

    def seal(provider, source=b"order 17", **more):
        return sdk.encrypt(source=source, key_provider=provider, encryption_context=CONTEXT, **more)[0]

    def opened(message, provider):
        return sdk.decrypt(source=message, key_provider=provider)[0]

    message = run.succeeds("seal with a master key", lambda: seal(key), kms={"GenerateDataKey": 1})
    run.succeeds("open with a master key", lambda: opened(message, key), b"order 17", {"Decrypt": 1})
    run.fails("open with another master key", lambda: opened(message, second))
    # These providers make their own clients, so that the endpoint comes from the environment.
    strict = StrictAwsKmsMasterKeyProvider(key_ids=[one, other])
    message = run.succeeds("seal with two master keys", lambda: seal(strict))
    run.succeeds("open with the second master key", lambda: opened(message, second), b"order 17", {"Decrypt": 1})
    run.succeeds("open with a strict provider", lambda: opened(message, strict), b"order 17")
    discovering = DiscoveryAwsKmsMasterKeyProvider(
        discovery_filter=OlderFilter(account_ids=(account,), partition="aws")
    )
    run.succeeds("open with a discovering provider", lambda: opened(message, discovering), b"order 17")
    aliased = KMSMasterKey(config=KMSMasterKeyConfig(key_id=alias, client=client))
    run.succeeds("seal with a master key by alias", lambda: seal(aliased))
    cache = aws_encryption_sdk.LocalCryptoMaterialsCache(10)
    cmm = aws_encryption_sdk.CachingCryptoMaterialsManager(
        master_key_provider=KMSMasterKey(config=KMSMasterKeyConfig(key_id=one, client=client)),
        cache=cache,
        max_age=600.0,
    )
    messages = []
    for number in range(4):
        asked = {"GenerateDataKey": 1} if number == 0 else {}
        call = lambda: sdk.encrypt(  # noqa: E731
            source=b"order 17", materials_manager=cmm, encryption_context=CONTEXT,
            algorithm=SUITES[0],
        )[0]
        messages.append(run.succeeds(f"seal {number} from a cache", call, kms=asked))
    for number, message in enumerate(messages):
        asked = {"Decrypt": 1} if number == 0 else {}
        call = lambda: sdk.decrypt(source=message, materials_manager=cmm)[0]  # noqa: E731
        run.succeeds(f"open {number} from a cache", call, b"order 17", asked)


def main(endpoint, output, folder, moto):
    # The SDK logs what fails, and here much is meant to.
    logging.disable(logging.CRITICAL)
    os.environ["AWS_ENDPOINT_URL_KMS"] = endpoint
    run, folder = Run(), pathlib.Path(folder)
    client = boto3.client("kms", endpoint_url=endpoint)
    run.count(client)
    one = client.create_key()["KeyMetadata"]
    other = client.create_key()["KeyMetadata"]
    alias = f"alias/esdk-python-{time.time_ns()}"
    client.create_alias(AliasName=alias, TargetKeyId=one["Arn"])
    alias = one["Arn"].replace(f"key/{one['KeyId']}", alias)
    keys = (one["Arn"], other["Arn"], alias, one["AWSAccountId"])
    sdk = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    )
    (folder / "key").write_text(one["Arn"], encoding="ascii")
    rings = Keyrings(client)
    with_keyrings(run, sdk, client, rings, keys, folder)
    away = boto3.client("kms", endpoint_url=endpoint, region_name="us-east-1")
    run.count(away)
    with_replicas(run, sdk, client, away, rings.mpl)
    with_branch_keys(run, sdk, client, one["Arn"], rings.mpl, moto)
    with_master_keys(run, sdk, client, keys)
    name = f"AWS Encryption SDK for Python {aws_encryption_sdk.__version__}"
    with open(output, "w", encoding="utf-8") as file:
        json.dump({"client": name, "calls": run.calls, "failures": run.failures}, file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
