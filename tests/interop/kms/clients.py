"""Clients of KMS that bring what they need along: each seals and opens through the emulator, as its own documentation shows it.

clients.py PLAIN SECURE AUTHORITY MOTO OUTPUT [CLIENT...]

PLAIN is the emulator's endpoint, SECURE the same over TLS, AUTHORITY the certificate to trust there, MOTO a server that has DynamoDB. Each client gets an
endpoint and credentials and nothing else; how often it called is counted by the emulator's own ledger. Writes OUTPUT as JSON.
"""
import asyncio
import base64
import collections
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request

import boto3

REGION = "eu-central-1"
SECRET = b"an order of seventeen boxes"
BIN = pathlib.Path(sys.executable).parent


class Emulator:
    def __init__(self, plain, secure, authority, moto):
        self.plain, self.secure, self.authority, self.moto = plain, secure, authority, moto
        self.kms = boto3.client("kms", endpoint_url=plain)
        self.key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.alias = "alias/" + self.key.rsplit("/", 1)[1]
        self.kms.create_alias(AliasName=self.alias, TargetKeyId=self.key)

    def calls(self):
        """How often each operation was called so far."""
        with urllib.request.urlopen(self.plain + "/ledger") as answer:
            regions = json.load(answer)["regions"]
        entries = [entry for region in regions.values() for entry in region["entries"]]
        return collections.Counter(entry["operation"] for entry in entries if entry["outcome"] == "success")


def run(*command, **more):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **more)
    if done.returncode:
        raise AssertionError(f"{command[0]}: {done.stdout}{done.stderr}")
    return done.stdout


def awscli(emulator):
    """The AWS command line, version 1."""
    with tempfile.TemporaryDirectory() as folder:
        plain, sealed = pathlib.Path(folder, "plain"), pathlib.Path(folder, "sealed")
        plain.write_bytes(SECRET)
        context = ["--encryption-context", "purpose=orders", "--query"]
        made = run(BIN / "aws", "kms", "encrypt", "--key-id", emulator.alias, "--plaintext", f"fileb://{plain}",
                   *context, "CiphertextBlob", "--output", "text")
        sealed.write_bytes(base64.b64decode(made))
        opened = run(BIN / "aws", "kms", "decrypt", "--ciphertext-blob", f"fileb://{sealed}", *context, "Plaintext", "--output", "text")
        assert base64.b64decode(opened) == SECRET
    return {"Encrypt": 1, "Decrypt": 1}


def aws_encryption_sdk_cli(emulator):
    """The AWS Encryption SDK's command line."""
    with tempfile.TemporaryDirectory() as folder:
        plain, sealed, opened = (pathlib.Path(folder, name) for name in ("plain", "sealed", "opened"))
        plain.write_bytes(SECRET)
        common = ["--wrapping-keys", f"key={emulator.key}", "--encryption-context", "purpose=orders", "-S"]
        for mode, source, target in (("--encrypt", plain, sealed), ("--decrypt", sealed, opened)):
            run(BIN / "aws-encryption-cli", mode, "--input", source, "--output", target, *common)
        assert opened.read_bytes() == SECRET and SECRET not in sealed.read_bytes()
    return {"GenerateDataKey": 1, "Decrypt": 1}


def credstash(emulator):
    """Secrets in DynamoDB, which moto plays, under data keys of the emulator."""
    environment = {**os.environ, "AWS_ENDPOINT_URL_DYNAMODB": emulator.moto}
    command = [BIN.absolute() / "credstash", "-r", REGION, "-t", "credstash-" + emulator.alias[-12:]]
    # It writes a log beside whoever calls it.
    with tempfile.TemporaryDirectory() as folder:
        ours = {"env": environment, "cwd": folder}
        run(*command, "setup", **ours)
        run(*command, "put", "-k", emulator.alias, "order", SECRET.decode(), "purpose=orders", **ours)
        assert run(*command, "get", "-n", "order", "purpose=orders", **ours) == SECRET.decode()
    return {"GenerateDataKey": 1, "Decrypt": 1}


def dynamodb_encryption_sdk(emulator):
    """Items of a table that moto plays, each under a data key of its own."""
    from dynamodb_encryption_sdk.encrypted.table import EncryptedTable
    from dynamodb_encryption_sdk.material_providers.aws_kms import AwsKmsCryptographicMaterialsProvider

    database = boto3.resource("dynamodb", endpoint_url=emulator.moto)
    table = database.create_table(
        TableName="orders-" + emulator.alias[-12:],
        KeySchema=[{"AttributeName": "number", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "number", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    encrypted = EncryptedTable(
        table=table, materials_provider=AwsKmsCryptographicMaterialsProvider(key_id=emulator.key)
    )
    encrypted.put_item(Item={"number": 17, "what": SECRET})
    assert SECRET not in table.get_item(Key={"number": 17})["Item"]["what"].value
    assert encrypted.get_item(Key={"number": 17})["Item"]["what"].value == SECRET
    return {"GenerateDataKey": 1, "Decrypt": 1}


def tink(emulator):
    """Tink's envelopes."""
    from tink import aead
    from tink.integration import awskms

    aead.register()
    uri = "aws-kms://" + emulator.key
    remote = awskms.new_client(boto3_client=emulator.kms, key_uri=uri).get_aead(uri)
    envelope = aead.KmsEnvelopeAead(aead.aead_key_templates.AES256_GCM, remote)
    sealed = envelope.encrypt(SECRET, b"orders")
    assert envelope.decrypt(sealed, b"orders") == SECRET
    try:
        envelope.decrypt(sealed, b"refunds")
    except Exception:  # noqa: BLE001
        pass
    else:
        raise AssertionError("it opened for something else")
    return {"Encrypt": 1, "Decrypt": 2}


def pyarrow(emulator):
    """Encrypted columns of Parquet, by the way that its documentation shows for a KMS."""
    import pyarrow
    import pyarrow.parquet
    import pyarrow.parquet.encryption as encryption

    class Client(encryption.KmsClient):
        def wrap_key(self, key_bytes, master_key_identifier):
            made = emulator.kms.encrypt(KeyId=master_key_identifier, Plaintext=key_bytes)
            return base64.b64encode(made["CiphertextBlob"])

        def unwrap_key(self, wrapped_key, master_key_identifier):
            blob = base64.b64decode(wrapped_key)
            return emulator.kms.decrypt(KeyId=master_key_identifier, CiphertextBlob=blob)["Plaintext"]

    factory = encryption.CryptoFactory(lambda _: Client())
    connection = encryption.KmsConnectionConfig()
    settings = encryption.EncryptionConfiguration(footer_key=emulator.alias, column_keys={emulator.alias: ["what"]})
    table = pyarrow.table({"number": [17], "what": [SECRET.decode()]})
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder, "orders.parquet"))
        properties = factory.file_encryption_properties(connection, settings)
        with pyarrow.parquet.ParquetWriter(path, table.schema, encryption_properties=properties) as writer:
            writer.write_table(table)
        assert SECRET not in pathlib.Path(path).read_bytes()
        properties = factory.file_decryption_properties(connection)
        assert pyarrow.parquet.ParquetFile(path, decryption_properties=properties).read() == table
    return {"Encrypt": 1, "Decrypt": 1}


def ansible(emulator):
    """Ansible's module for keys: made, found unchanged, changed, and scheduled for deletion. Who asks is told by moto's STS."""
    name = "ansible-" + emulator.alias[-12:]
    environment = {**os.environ, "AWS_ENDPOINT_URL_STS": emulator.moto, "ANSIBLE_LOCALHOST_WARNING": "False", "ANSIBLE_NOCOLOR": "1"}

    def key(**wanted):
        arguments = json.dumps({"alias": name, **wanted})
        interpreter = f"ansible_python_interpreter={sys.executable}"
        told = run(BIN / "ansible", "localhost", "-c", "local", "-e", interpreter, "-m", "amazon.aws.kms_key", "-a", arguments, env=environment)
        return json.loads(told.split("=>", 1)[1])

    with tempfile.TemporaryDirectory() as home:
        environment["ANSIBLE_HOME"] = home
        made = key(state="present", tags={"team": "shop"}, description="orders", enable_key_rotation=True)
        assert made["changed"] and made["tags"] == {"team": "shop"}, made
        assert not key(state="present", tags={"team": "shop"}, description="orders", enable_key_rotation=True)["changed"]
        assert key(state="present", tags={"team": "bank"}, description="refunds")["changed"]
        assert key(state="absent")["changed"]
        # It looks at every key of the account, the one that is to be deleted too.
        assert key(alias=name + "-2", state="present")["changed"]
    return {"CreateKey": 1, "CreateAlias": 1, "TagResource": 1, "UpdateKeyDescription": 1, "ScheduleKeyDeletion": 1}


def aiobotocore(emulator):
    """boto3's calls for asyncio."""
    from aiobotocore.session import get_session

    async def calls():
        async with get_session().create_client("kms") as kms:
            made = await kms.generate_data_key(KeyId=emulator.alias, KeySpec="AES_256")
            opened = await kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
            assert opened["Plaintext"] == made["Plaintext"]
            moved = await kms.re_encrypt(CiphertextBlob=made["CiphertextBlob"], DestinationKeyId=emulator.key)
            assert moved["SourceKeyId"] == emulator.key

    asyncio.run(calls())
    return {"GenerateDataKey": 1, "Decrypt": 1, "ReEncrypt": 1}


def libmongocrypt(emulator):
    """MongoDB's client-side encryption: its own requests over TLS, and its own reader of answers."""
    import bson
    from pymongocrypt.explicit_encrypter import ExplicitEncrypter
    from pymongocrypt.mongocrypt import MongoCryptOptions
    from pymongocrypt.state_machine import MongoCryptCallback

    trusted = ssl.create_default_context(cafile=emulator.authority)
    port = int(emulator.secure.rsplit(":", 1)[1])

    class Callback(MongoCryptCallback):
        def __init__(self):
            self.kept = {}

        def kms_request(self, context):
            assert context.endpoint == f"127.0.0.1:{port}"
            with socket.create_connection(("127.0.0.1", port)) as stream, trusted.wrap_socket(stream, server_hostname="127.0.0.1") as secure:
                secure.sendall(context.message)
                while context.bytes_needed > 0:
                    read = secure.recv(context.bytes_needed)
                    assert read, "the answer is cut off"
                    context.feed(read)

        def fetch_keys(self, filter):
            return [key for key in self.kept.values()]

        def insert_data_key(self, data_key):
            document = bson.decode(bytes(data_key), bson.CodecOptions(uuid_representation=4))
            self.kept[document["_id"]] = bytes(data_key)
            return document["_id"]

        def collection_info(self, *_):
            raise NotImplementedError

        def mark_command(self, *_):
            raise NotImplementedError

        def bson_encode(self, document):
            return bson.encode(document, codec_options=bson.CodecOptions(uuid_representation=4))

        def close(self):
            pass

    providers = {"aws": {"accessKeyId": os.environ["AWS_ACCESS_KEY_ID"], "secretAccessKey": os.environ["AWS_SECRET_ACCESS_KEY"]}}
    master = {"region": REGION, "key": emulator.key, "endpoint": f"127.0.0.1:{port}"}
    callback = Callback()
    encrypter = ExplicitEncrypter(callback, MongoCryptOptions(providers))
    made = encrypter.create_data_key("aws", master_key=master)
    value = bson.encode({"v": SECRET})
    algorithm = "AEAD_AES_256_CBC_HMAC_SHA_512-Random"
    sealed = encrypter.encrypt(value, algorithm, key_id=bson.Binary(made.bytes if hasattr(made, "bytes") else bytes(made), 4))
    assert SECRET not in bytes(sealed)
    # Another one has nothing cached, and must ask.
    again = ExplicitEncrypter(callback, MongoCryptOptions(providers))
    assert bson.decode(bytes(again.decrypt(sealed)))["v"] == SECRET
    return {"Encrypt": 1, "Decrypt": 1}


CLIENTS = [
    awscli,
    aws_encryption_sdk_cli,
    credstash,
    dynamodb_encryption_sdk,
    tink,
    pyarrow,
    ansible,
    aiobotocore,
    libmongocrypt,
]


def main(plain, secure, authority, moto, output, *only):
    os.environ["AWS_ENDPOINT_URL_KMS"] = plain
    emulator = Emulator(plain, secure, authority, moto)
    results = []
    for client in CLIENTS:
        if only and client.__name__ not in only:
            continue
        before, failures = emulator.calls(), []
        try:
            due = client(emulator)
            made = emulator.calls() - before
            if any(made[operation] < count for operation, count in due.items()):
                failures.append(f"the emulator counted {dict(made)} where {due} are due")
        except Exception as error:  # noqa: BLE001
            made = emulator.calls() - before
            failures.append(f"{type(error).__name__}: {error}"[:2000])
        results.append({"client": client.__name__, "calls": sum(made.values()), "failures": failures})
        print(f"{client.__name__}: {sum(made.values())} calls" + "".join(f"\n  {failure}" for failure in failures))
    pathlib.Path(output).write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    sys.exit(1 if any(result["failures"] for result in results) else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
