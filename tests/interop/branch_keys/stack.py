"""Branch keys in a table on loopback, held by both: the material providers library of AWS, and a process of datakey."""
import base64
import hashlib
import hmac
import itertools
import json
import os
import subprocess
import uuid

import aws_encryption_sdk
import boto3
from aws_cryptographic_material_providers.keystore.client import KeyStore
from aws_cryptographic_material_providers.keystore.config import KeyStoreConfig
from aws_cryptographic_material_providers.keystore.models import (
    CreateKeyInput,
    CreateKeyStoreInput,
    GetActiveBranchKeyInput,
    GetBeaconKeyInput,
    GetBranchKeyVersionInput,
    KMSConfigurationKmsKeyArn,
    VersionKeyInput,
)
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    CacheTypeDefault,
    CreateAwsKmsHierarchicalKeyringInput,
    DefaultCache,
)
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.identifiers import AlgorithmSuite
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SUITES = {
    "0478": AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
    "0578": AlgorithmSuite.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
}
SDK = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
LABEL = b"aws-kms-hierarchy"
NUMBERS = itertools.count()


class Refused(Exception):
    """What datakey did not do: its words, and the class of the failure."""

    def __init__(self, answer):
        super().__init__(f"{answer['class']}: {answer['error']}")
        self.kind = answer["class"]


class Datakey:
    """A process that keeps branch keys."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, what, **fields):
        self.process.stdin.write(json.dumps({"do": what, **fields}).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"datakey ended at {what}")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer)
        return answer

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(60) == 0


class Stack:
    """One table, one KMS key, and what reads and writes there."""

    def __init__(self, kms, dynamodb, driver, key=None, logical_name=None):
        self.urls, self.driver, self.processes = (kms, dynamodb), driver, []
        self.kms = boto3.client("kms", endpoint_url=kms)
        self.dynamodb = boto3.client("dynamodb", endpoint_url=dynamodb)
        self.key = key or self.kms.create_key()["KeyMetadata"]["Arn"]
        self.table = f"table-{os.getpid()}-{next(NUMBERS)}"
        self.logical_name = logical_name or f"logical-{self.table}"
        self.mpl = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
        self.store = self.key_store()
        self.store.create_key_store(CreateKeyStoreInput())

    def key_store(self, logical_name=None):
        return KeyStore(
            config=KeyStoreConfig(
                ddb_client=boto3.client("dynamodb", endpoint_url=self.urls[1]),
                ddb_table_name=self.table,
                logical_key_store_name=logical_name or self.logical_name,
                kms_client=boto3.client("kms", endpoint_url=self.urls[0]),
                kms_configuration=KMSConfigurationKmsKeyArn(self.key),
            )
        )

    def datakey(self, logical_name=None):
        name = logical_name or self.logical_name
        made = Datakey([self.driver, "obey", *self.urls, self.table, name, self.key])
        self.processes.append(made)
        return made

    def end(self):
        for process in self.processes:
            process.end()

    def items(self):
        return self.dynamodb.scan(TableName=self.table, ConsistentRead=True)["Items"]

    def put(self, item):
        self.dynamodb.put_item(TableName=self.table, Item=item)

    def item(self, branch, kind):
        key = {"branch-key-id": {"S": branch}, "type": {"S": kind}}
        return self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True)["Item"]

    # The keystore of the material providers library.

    def create(self, branch=None, context=None):
        made = CreateKeyInput(branch_key_identifier=branch, encryption_context=context)
        return self.store.create_key(made).branch_key_identifier

    def rotate(self, branch, store=None):
        (store or self.store).version_key(VersionKeyInput(branch_key_identifier=branch))

    def active(self, branch):
        asked = GetActiveBranchKeyInput(branch_key_identifier=branch)
        return self.store.get_active_branch_key(asked).branch_key_materials

    def version(self, branch, version):
        asked = GetBranchKeyVersionInput(branch_key_identifier=branch, branch_key_version=version)
        return self.store.get_branch_key_version(asked).branch_key_materials

    def beacon(self, branch):
        asked = GetBeaconKeyInput(branch_key_identifier=branch)
        return self.store.get_beacon_key(asked).beacon_key_materials

    # Its keyring, in the AWS Encryption SDK.

    def ring(self, branch, store=None):
        return self.mpl.create_aws_kms_hierarchical_keyring(
            CreateAwsKmsHierarchicalKeyringInput(
                key_store=store or self.store,
                branch_key_id=branch,
                ttl_seconds=600,
                cache=CacheTypeDefault(value=DefaultCache(entry_capacity=100)),
            )
        )

    def seal(self, ring, suite, context, plaintext):
        return SDK.encrypt(source=plaintext, keyring=ring, encryption_context=context, algorithm=SUITES[suite])[0]

    def open(self, ring, message, context):
        return SDK.decrypt(source=message, keyring=ring, encryption_context=context)[0]


def b64(data):
    return base64.b64encode(bytes(data)).decode()


def unb64(text):
    return base64.b64decode(text)


def text_of(version):
    """The library tells versions as bytes, or as text."""
    return version.decode() if isinstance(version, (bytes, bytearray)) else version


def authenticated(branch, version, context):
    """What is bound to a wrapped data key, by the specification."""
    pairs = sorted((name.encode(), text.encode()) for name, text in context.items())
    told = b"".join(len(part).to_bytes(2, "big") + part for pair in pairs for part in pair)
    count = len(pairs).to_bytes(2, "big") if pairs else b""
    return LABEL + branch.encode() + version + count + told


def wrapping_key(branch_key, salt):
    told = (1).to_bytes(4, "big") + LABEL + b"\x00" + salt + (256).to_bytes(4, "big")
    return AESGCM(hmac.new(bytes(branch_key), told, hashlib.sha256).digest())


def wrap_by_hand(materials, branch, context, data_key):
    version = uuid.UUID(text_of(materials.branch_key_version)).bytes
    salt, nonce = os.urandom(16), os.urandom(12)
    aad = authenticated(branch, version, context)
    return salt + nonce + version + wrapping_key(materials.branch_key, salt).encrypt(nonce, data_key, aad)


def unwrap_by_hand(materials, branch, context, blob):
    salt, nonce, version, rest = blob[:16], blob[16:28], blob[28:44], blob[44:]
    aad = authenticated(branch, version, context)
    return wrapping_key(materials.branch_key, salt).decrypt(nonce, rest, aad)
