// The AWS Encryption SDK for JavaScript over KMS, with its KMS keyrings.
//
// esdk.mjs ENDPOINT OUTPUT FOLDER: as esdk.py, which runs before and leaves a message in FOLDER.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  AlgorithmSuiteIdentifier, AwsKmsMrkAwareSymmetricDiscoveryKeyringNode, AwsKmsMrkAwareSymmetricKeyringNode, CommitmentPolicy, KmsKeyringNode, NodeCachingMaterialsManager, MultiKeyringNode,
  buildClient, getClient, getLocalCryptographicMaterialsCache,
} from "@aws-crypto/client-node";
import { KMS } from "@aws-sdk/client-kms";

const [endpoint, output, folder] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const { version } = require("@aws-crypto/client-node/package.json");
const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const context = { tenant: "acme", purpose: "orders", "\u2603": '"\\\n' };
const missing = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-4333-8444-555555555555";

let asked = {};
const clientProvider = (region) => {
  const client = getClient(KMS, { endpoint })(region);
  if (client) {
    const count = (next, { commandName }) => (args) => {
      const name = commandName.replace("Command", "");
      asked[name] = (asked[name] ?? 0) + 1;
      return next(args);
    };
    client.middlewareStack.add(count, { step: "initialize" });
  }
  return client;
};

let calls = 0;
const failures = [];
const sorted = (counts) => JSON.stringify(Object.entries(counts).sort());

// Makes a call of the SDK; `kms` is how many calls of each operation it may make on the way.
async function succeeds(name, call, { expected, kms } = {}) {
  calls += 1;
  asked = {};
  try {
    const made = await call();
    if (expected && Buffer.compare(made, expected) !== 0) failures.push(`${name}: another plaintext`);
    if (kms && sorted(asked) !== sorted(kms)) failures.push(`${name}: KMS was asked ${sorted(asked)}`);
    return made;
  } catch (error) {
    failures.push(`${name}: ${chain(error)}`);
    return Buffer.alloc(0);
  }
}

// A call that must fail; with `code`, because KMS answered just that.
async function fails(name, call, code) {
  calls += 1;
  try {
    await call();
    failures.push(`${name}: succeeded`);
  } catch (error) {
    if (code && !chain(error).includes(code)) failures.push(`${name}: failed without ${code}: ${chain(error)}`);
  }
}

function chain(error) {
  return `${error.name}: ${error.message} ${error.stack} ${error.cause ? chain(error.cause) : ""}`;
}

const ring = (generatorKeyId, keyIds = []) => new KmsKeyringNode({ clientProvider, generatorKeyId, keyIds });
const reading = (...keyIds) => new KmsKeyringNode({ clientProvider, keyIds });
const discovery = (accountID) => new KmsKeyringNode({
  clientProvider, discovery: true, discoveryFilter: { accountIDs: [accountID], partition: "aws" },
});
const order = Buffer.from("order 17");
const seal = async (keyring, plaintext = order, more = {}) =>
  (await encrypt(keyring, plaintext, { encryptionContext: context, ...more })).result;
const opened = async (keyring, message) => (await decrypt(keyring, message)).plaintext;

const plain = new KMS({ endpoint });
const { KeyMetadata: one } = await plain.createKey({});
const { KeyMetadata: other } = await plain.createKey({});
const aliasName = `alias/esdk-javascript-${process.hrtime.bigint()}`;
await plain.createAlias({ AliasName: aliasName, TargetKeyId: one.KeyId });
const alias = one.Arn.replace(`key/${one.KeyId}`, aliasName);
const own = ring(one.Arn);
const generate = { GenerateDataKey: 1 };
const decrypted = { Decrypt: 1 };
let message;

for (const size of [0, 1, 4095, 4096, 100_000]) {
  const plaintext = Buffer.alloc(size);
  message = await succeeds(`seal ${size} bytes`, () => seal(own, plaintext), { kms: generate });
  await succeeds(`open ${size} bytes`, () => opened(own, message), { expected: plaintext, kms: decrypted });
}
const large = Object.fromEntries([...Array(40).keys()].map((n) => [`key ${n}`, "v".repeat(100)]));
for (const encryptionContext of [{}, { a: "b" }, large]) {
  const pairs = Object.keys(encryptionContext).length;
  message = await succeeds(`seal ${pairs} pairs`, () => seal(own, order, { encryptionContext }));
  await succeeds(`open ${pairs} pairs`, async () => {
    const { plaintext, messageHeader } = await decrypt(own, message);
    for (const [key, value] of Object.entries(encryptionContext)) {
      if (messageHeader.encryptionContext[key] !== value) throw new Error(`the header lacks ${key}`);
    }
    return plaintext;
  }, { expected: order });
}
for (const suite of ["ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY", "ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384"]) {
  const suiteId = AlgorithmSuiteIdentifier[suite];
  message = await succeeds(`seal with ${suite}`, () => seal(own, order, { suiteId }));
  await succeeds(`open with ${suite}`, () => opened(own, message), { expected: order });
}
message = await succeeds("seal small frames", () => seal(own, Buffer.alloc(1000), { frameLength: 64 }));
await succeeds("open small frames", () => opened(own, message), { expected: Buffer.alloc(1000) });

const both = ring(one.Arn, [other.Arn]);
message = await succeeds("seal under two keys", () => seal(both), { kms: { GenerateDataKey: 1, Encrypt: 1 } });
await succeeds("open with the first", () => opened(reading(one.Arn), message), { expected: order, kms: decrypted });
await succeeds("open with the second", () => opened(reading(other.Arn), message), { expected: order, kms: decrypted });
await succeeds("open with both", () => opened(both, message), { expected: order, kms: decrypted });
await succeeds("open by discovery", () => opened(discovery(one.AWSAccountId), message), { expected: order, kms: decrypted });
await fails("open by another account's discovery", () => opened(discovery("999999999999"), message));
const multi = new MultiKeyringNode({ generator: own, children: [reading(other.Arn)] });
message = await succeeds("seal with a multi-keyring", () => seal(multi), { kms: { GenerateDataKey: 1, Encrypt: 1 } });
await succeeds("open with its child", () => opened(reading(other.Arn), message), { expected: order, kms: decrypted });

message = await succeeds("seal to be opened wrongly", () => seal(own));
await fails("open with another key", () => opened(reading(other.Arn), message));
for (const at of [100, message.length >> 1, message.length - 1]) {
  const changed = Buffer.from(message);
  changed[at] ^= 1;
  await fails(`open with byte ${at} changed`, () => opened(own, changed));
}
await fails("open a part", () => opened(own, message.subarray(0, message.length - 10)));
await succeeds("seal under an alias", () => seal(ring(alias)), { kms: generate });
await fails("seal under a missing key", () => seal(ring(missing)), "NotFoundException");
await plain.disableKey({ KeyId: one.KeyId });
await fails("seal under a disabled key", () => seal(own), "DisabledException");
await fails("open under a disabled key", () => opened(own, message), "DisabledException");
await plain.enableKey({ KeyId: one.KeyId });
await succeeds("open under the key enabled again", () => opened(own, message), { expected: order });

const { KeyMetadata: primary } = await plain.createKey({ MultiRegion: true });
const { ReplicaKeyMetadata: replica } = await plain.replicateKey({ KeyId: primary.Arn, ReplicaRegion: "us-east-1" });
const [here, there] = ["eu-central-1", "us-east-1"].map(clientProvider);
const sealing = new AwsKmsMrkAwareSymmetricKeyringNode({ client: here, keyId: primary.Arn });
message = await succeeds("seal under a primary", () => seal(sealing), { kms: generate });
for (const [name, keyring] of [
  ["with the replica", new AwsKmsMrkAwareSymmetricKeyringNode({ client: there, keyId: replica.Arn })],
  ["by discovery of replicas", new AwsKmsMrkAwareSymmetricDiscoveryKeyringNode({ client: there })],
]) await succeeds(`open ${name}`, () => opened(keyring, message), { expected: order, kms: decrypted });

const cache = getLocalCryptographicMaterialsCache(10);
const caching = new NodeCachingMaterialsManager({ backingMaterials: own, cache, maxAge: 600_000, partition: "orders" });
const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;
const messages = [];
for (let n = 0; n < 4; n += 1) {
  const kms = n === 0 ? generate : {};
  messages.push(await succeeds(`seal ${n} from a cache`, () => seal(caching, order, { suiteId, plaintextLength: order.length }), { kms }));
}
for (const [n, each] of messages.entries()) {
  await succeeds(`open ${n} from a cache`, () => opened(caching, each), { expected: order, kms: n === 0 ? decrypted : {} });
}

if (existsSync(join(folder, "python.message"))) {
  const theirs = reading(readFileSync(join(folder, "key"), "ascii"));
  const python = readFileSync(join(folder, "python.message"));
  await succeeds("open what Python sealed", () => opened(theirs, python), { expected: Buffer.alloc(1000), kms: decrypted });
}
const client = `AWS Encryption SDK for JavaScript ${version}`;
writeFileSync(output, JSON.stringify({ client, calls, failures }, null, 1));
