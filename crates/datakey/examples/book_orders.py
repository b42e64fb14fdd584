"""The other side of for_another_language.rs: opens an order from standard input, and answers with a sealed receipt.

    pip install aws-encryption-sdk
    python book_orders.py KEY_ARN < order > receipt
"""

import sys

import aws_encryption_sdk

EXPECTED = {"tenant": "acme", "purpose": "orders"}

sdk = aws_encryption_sdk.EncryptionSDKClient()
keys = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=[sys.argv[1]])

order, header = sdk.decrypt(source=sys.stdin.buffer.read(), key_provider=keys)
# Unlike datakey's opener, this library leaves it to its caller to look at the encryption context.
if not EXPECTED.items() <= header.encryption_context.items():
    sys.exit("an order of somebody else")

receipt, _ = sdk.encrypt(source=b"booked: " + order, key_provider=keys, encryption_context=EXPECTED)
sys.stdout.buffer.write(receipt)
