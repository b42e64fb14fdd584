// The AWS Encryption SDK for JavaScript, as vectors.py is that for Python: the same keys, plaintexts and contexts.
//
//     node sdk.mjs write FILE [large]     writes vectors as JSON; with `large`, of plaintexts that no file should keep too
//     node sdk.mjs write-rsa FILE KEY     the same for data keys that are wrapped under the RSA key of a PEM file
//     node sdk.mjs open FOLDER KEY        opens what another writer left in a folder, and compares
//     node sdk.mjs refuse FOLDER          has the SDK refuse what stands in the refusals of a folder
//     node sdk.mjs crowd ENDPOINT KEY N   seals N messages at once with a cold cache over KMS
//
// Its raw AES keyring sorts the encryption context by locale unless it is told `utf8Sorting`; what it wraps then opens nowhere
// else, unless the order is that of the bytes by chance. It is told here, but for one message that shows it.
import { constants, createDecipheriv, privateDecrypt, publicEncrypt } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import {
  AlgorithmSuiteIdentifier, CommitmentPolicy, KmsKeyringNode, MultiKeyringNode, NodeCachingMaterialsManager, RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier, RawRsaKeyringNode, buildClient, getClient, getLocalCryptographicMaterialsCache,
} from "@aws-crypto/client-node";
import { KMS } from "@aws-sdk/client-kms";

const { version } = createRequire(import.meta.url)("@aws-crypto/client-node/package.json");
const SDK = `AWS Encryption SDK for JavaScript ${version}`;
const WRAPPING_KEY = Uint8Array.from({ length: 32 }, (_, at) => at);
const NAMES = ["first", "second"];
const CONTEXTS = [
  {},
  { tenant: "acme", purpose: "orders" },
  { "\u00e4\u00f6\u00fc": "\u00df", "\u{1f511}": "\u{1f4b6}", a: "", "\uffee": "after astral keys in UTF-16", B: "before a in bytes" },
];
const SIGNED = [0x0214, 0x0346, 0x0378, 0x0578];
// Frame length and plaintext length.
const SHAPES = [[4096, 0], [4096, 300], [128, 1000], [256, 768]];
const LARGE = [[4096, 3_000_000], [1, 70], [1 << 20, 5_000_000]];
const HASHES = { RSA_PKCS1: undefined, RSA_OAEP_SHA1_MGF1: "sha1", RSA_OAEP_SHA256_MGF1: "sha256", RSA_OAEP_SHA384_MGF1: "sha384", RSA_OAEP_SHA512_MGF1: "sha512" };

const clients = Object.fromEntries(Object.values(CommitmentPolicy).map((policy) => [policy, buildClient(policy)]));
const sealing = (suiteId) => clients[suiteId >= 0x0400
  ? CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
  : CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT];
const opening = clients[CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT];
const suites = Object.values(AlgorithmSuiteIdentifier).filter((id) => typeof id === "number").sort((one, other) => one - other);
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const plaintext = (length) => Buffer.from(Uint8Array.from({ length }, (_, at) => (7 * at + length) % 256));

function keys(names, utf8Sorting = true) {
  const [generator, ...children] = names.map((keyName) => new RawAesKeyringNode({
    keyName, keyNamespace: "shop", utf8Sorting, unencryptedMasterKey: new Uint8Array(WRAPPING_KEY),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  }));
  return new MultiKeyringNode({ generator, children });
}

function rsaKey(pem, name) {
  const oaepHash = HASHES[name];
  const padding = oaepHash ? constants.RSA_PKCS1_OAEP_PADDING : constants.RSA_PKCS1_PADDING;
  return new RawRsaKeyringNode({ keyName: "rsa", keyNamespace: "shop", rsaKey: { privateKey: pem, publicKey: pem }, padding, oaepHash });
}

function serialised(context, order) {
  const number = (value) => Buffer.from([value >> 8, value & 255]);
  const pairs = Object.entries(context).sort(order ?? (([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other))));
  const parts = pairs.flat().map((text) => Buffer.concat([number(Buffer.byteLength(text)), Buffer.from(text)]));
  return pairs.length ? Buffer.concat([number(pairs.length), ...parts]) : Buffer.alloc(0);
}

// Unwraps the first encrypted data key: nonce at the end of the provider info, tag at the end of the ciphertext.
function dataKey({ encryptedDataKeys: [{ rawInfo, encryptedDataKey }], encryptionContext }, order) {
  const wrapped = Buffer.from(encryptedDataKey);
  const decipher = createDecipheriv("aes-256-gcm", WRAPPING_KEY, Buffer.from(rawInfo).subarray(-12));
  decipher.setAAD(serialised(encryptionContext, order)).setAuthTag(wrapped.subarray(-16));
  return Buffer.concat([decipher.update(wrapped.subarray(0, -16)), decipher.final()]);
}

async function sealed(keyring, suiteId, [frameLength, length], encryptionContext, order) {
  const { result, messageHeader } = await sealing(suiteId).encrypt(keyring, plaintext(length), { suiteId, frameLength, encryptionContext });
  return {
    suite: suiteId, "frame-length": frameLength, "plaintext-length": length, context: encryptionContext,
    "data-key": base64(dataKey(messageHeader, order)), message: base64(result),
  };
}

async function write(path, shapes) {
  const tests = [];
  for (const suiteId of suites) {
    for (const shape of shapes) {
      const turn = tests.length + 1;
      tests.push(await sealed(keys(NAMES.slice(0, 1 + (turn % 2))), suiteId, shape, CONTEXTS[turn % CONTEXTS.length]));
    }
  }
  const byLocale = await sealed(
    keys(NAMES.slice(0, 1), false), AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY, [4096, 30], { B: "1", a: "2" },
    ([one], [other]) => one.localeCompare(other),
  );
  writeFileSync(path, `${JSON.stringify({ source: SDK, tests, "sorted-by-locale": [byLocale] }, null, 1)}\n`);
  console.log(`${tests.length} messages written by the ${SDK}`);
}

async function writeRsa(path, pem) {
  const tests = [];
  for (const padding of Object.keys(HASHES)) {
    for (const [turn, suiteId] of [0x0478, 0x0114, 0x0146].entries()) {
      const context = CONTEXTS[turn];
      const { result } = await sealing(suiteId).encrypt(rsaKey(pem, padding), plaintext(40 * turn), { suiteId, encryptionContext: context });
      tests.push({ suite: suiteId, padding, "plaintext-length": 40 * turn, context, message: base64(result) });
    }
  }
  writeFileSync(path, `${JSON.stringify({ source: SDK, tests }, null, 1)}\n`);
  console.log(`${tests.length} messages written under an RSA key by the ${SDK}`);
}

// Whether this Node.js decrypts with PKCS#1 v1.5: some releases refuse to. The keyring keeps no error that says so.
function decryptsPkcs1(key) {
  const padding = constants.RSA_PKCS1_PADDING;
  const wrapped = publicEncrypt({ key, padding }, Buffer.from("data key"));
  try {
    return privateDecrypt({ key, padding }, wrapped).equals(Buffer.from("data key"));
  } catch (error) {
    if (error.message.includes("RSA_PKCS1_PADDING is no longer supported")) return false;
    throw error;
  }
}

async function open(folder, pem) {
  const files = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
  const pkcs1 = decryptsPkcs1(pem);
  let [opened, skipped] = [0, 0];
  for (const name of files) {
    const test = JSON.parse(readFileSync(join(folder, name), "utf8"));
    const keyring = test.padding ? rsaKey(pem, test.padding) : keys(NAMES);
    if (test.padding === "RSA_PKCS1" && !pkcs1) {
      skipped += 1;
      continue;
    }
    const found = await opening.decrypt(keyring, Buffer.from(test.message, "base64")).catch((cause) => {
      throw new Error(`${name} does not open`, { cause });
    });
    if (Buffer.compare(found.plaintext, Buffer.from(test.plaintext, "base64")) !== 0) throw new Error(`${name}: another plaintext`);
    for (const [key, value] of Object.entries(test.context)) {
      if (found.messageHeader.encryptionContext[key] !== value) throw new Error(`${name}: another context`);
    }
    opened += 1;
  }
  if (!opened) throw new Error("there is nothing to open");
  const left = skipped ? `; ${skipped} with PKCS#1 v1.5, which this Node.js does not decrypt, are left out` : "";
  console.log(`${opened} messages opened by the ${SDK}${left}`);
}

// Has each refusal tried. The SDK reads no further than the end of a message without a signature, and opens those with bytes behind it.
async function refuse(folder) {
  let tried = 0;
  for (const name of readdirSync(folder).filter((file) => file.startsWith("refusals"))) {
    const { messages, tests } = JSON.parse(readFileSync(join(folder, name), "utf8"));
    const whole = JSON.parse(readFileSync(join(folder, messages), "utf8")).tests;
    for (const { of, at, remove, insert, breaks } of tests) {
      const bytes = Buffer.from(whole[of].message, "base64");
      const message = Buffer.concat([bytes.subarray(0, at), Buffer.from(insert, "hex"), bytes.subarray(at + remove)]);
      const refused = await opening.decrypt(keys(NAMES), message).then(() => false, () => true);
      const read = breaks !== "trailing" || SIGNED.includes(whole[of].suite);
      if (refused !== read) throw new Error(`${name}: ${of} at ${at}, ${breaks}: ${refused ? "refused" : "opened"}`);
      tried += 1;
    }
  }
  console.log(`${tried} refusals tried by the ${SDK}`);
}

async function crowd(endpoint, generatorKeyId, count) {
  const backingMaterials = new KmsKeyringNode({ clientProvider: getClient(KMS, { endpoint }), generatorKeyId });
  const cache = getLocalCryptographicMaterialsCache(100);
  const caching = new NodeCachingMaterialsManager({ backingMaterials, cache, maxAge: 600_000, partition: "orders" });
  const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;
  const order = Buffer.from("order 17");
  const { encrypt } = sealing(suiteId);
  const options = { suiteId, plaintextLength: order.length, encryptionContext: CONTEXTS[1] };
  await Promise.all(Array.from({ length: count }, () => encrypt(caching, order, options)));
  process.exit(0); // The cache's timer would keep it alive.
}

const [command, ...rest] = process.argv.slice(2);
switch (command) {
  case "write": await write(rest[0], rest[1] === "large" ? [...SHAPES, ...LARGE] : SHAPES); break;
  case "write-rsa": await writeRsa(rest[0], readFileSync(rest[1], "utf8")); break;
  case "open": await open(rest[0], readFileSync(rest[1], "utf8")); break;
  case "refuse": await refuse(rest[0]); break;
  case "crowd": await crowd(rest[0], rest[1], Number(rest[2])); break;
  default: throw new Error(`there is no command ${command}`);
}
