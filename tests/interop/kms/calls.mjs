// The calls of calls.json through the AWS SDK for JavaScript.
//
// calls.mjs ENDPOINT OUTPUT REFUSING: as calls.py, but without the model, which this SDK does not carry as data.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isDeepStrictEqual } from "node:util";
import * as kms from "@aws-sdk/client-kms";

const { version } = createRequire(import.meta.url)("@aws-sdk/client-kms/package.json");

// What stands in calls.json, with references and bytes in place.
function value(given, earlier) {
  if (typeof given === "string" && given.startsWith("$")) {
    const [step, ...path] = given.slice(1).split(".");
    return path.reduce((found, part) => found[part], earlier[step]);
  }
  if (Array.isArray(given)) return given.map((each) => value(each, earlier));
  if (given === null || typeof given !== "object") return given;
  const made = {
    utf8: (text) => new TextEncoder().encode(text),
    zeros: (count) => new Uint8Array(count),
    repeat: ([text, count]) => text.repeat(count),
    cut: (blob) => value(blob, earlier).slice(0, -1),
    flip: ([blob, at]) => flip(value(blob, earlier), at),
    replace: ([text, from, to]) => value(text, earlier).replace(new RegExp(from), value(to, earlier)),
  };
  const keys = Object.keys(given);
  if (keys.length === 1 && keys[0] in made) return made[keys[0]](given[keys[0]]);
  return Object.fromEntries(keys.map((key) => [key, value(given[key], earlier)]));
}

function flip(blob, at) {
  const copy = Uint8Array.from(blob);
  copy[at < 0 ? copy.length + at : at] ^= 1;
  return copy;
}

const same = (one, other) =>
  one instanceof Uint8Array && other instanceof Uint8Array
    ? Buffer.compare(one, other) === 0
    : isDeepStrictEqual(one, other);

// Where an answer is not as expected; undefined if it is.
function mismatch(expected, seen, earlier, path = "answer") {
  const isObject = expected !== null && typeof expected === "object" && !Array.isArray(expected);
  const keys = isObject ? Object.keys(expected) : [];
  const rule = keys.length === 1 ? keys[0] : undefined;
  if (rule === "absent") return seen === undefined ? undefined : `${path} is there`;
  if (seen === undefined) return `${path} is missing`;
  if (rule === "matches") return new RegExp(expected[rule]).test(seen) ? undefined : `${path} is ${seen}`;
  if (rule === "bytes") {
    const [low, high] = expected[rule];
    return low <= seen.length && seen.length <= high ? undefined : `${path} has ${seen.length} bytes`;
  }
  if (rule === "not") return same(value(expected[rule], earlier), seen) ? `${path} is ${seen}` : undefined;
  if (rule === "contains") {
    const lacking = expected[rule].find((each) => seen.every((one) => mismatch(each, one, earlier)));
    return lacking && `${path} lacks ${JSON.stringify(lacking)}`;
  }
  if (isObject && rule !== "utf8" && rule !== "zeros") {
    for (const key of keys) {
      const wrong = mismatch(expected[key], seen[key], earlier, `${path}.${key}`);
      if (wrong) return wrong;
    }
    return undefined;
  }
  return same(value(expected, earlier), seen) ? undefined : `${path} is ${seen}`;
}

const [endpoint, output, refusing] = process.argv.slice(2);
const clients = {
  plain: new kms.KMSClient({ endpoint }),
  away: new kms.KMSClient({ endpoint, region: "us-east-1" }),
};
if (refusing) {
  clients.refusing = new kms.KMSClient({ endpoint: refusing, maxAttempts: 1 });
  clients.retrying = new kms.KMSClient({ endpoint: refusing });
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "another" };
  clients.forged = new kms.KMSClient({ endpoint, credentials });
  clients.stranger = new kms.KMSClient({ endpoint, credentials: { ...credentials, accessKeyId: "AKIASTRANGER" } });
}
const outcomes = {};
const failures = [];
const earlier = { run: { alias: "alias/javascript" } };
let calls = 0;

async function run({ name, operation, input, at = "plain", error, expect }) {
  if (!(at in clients)) return;
  const expected = error ? error.join(" ") : "ok";
  let outcome;
  let detail = "";
  calls += 1;
  try {
    const answer = await clients[at].send(new kms[`${operation}Command`](value(input, earlier)));
    earlier[name] = answer;
    detail = error ? "" : (mismatch(expect, answer, earlier) ?? "");
    outcome = error ? "answered" : detail ? "answered otherwise" : "ok";
  } catch (refused) {
    outcome = `${refused.name} ${refused.$metadata?.httpStatusCode}`;
    // An error that the SDK has a class for must come as that class.
    if (kms[refused.name] && !(refused instanceof kms[refused.name])) outcome = `untyped ${outcome}`;
  }
  outcomes[name] = outcome;
  if (outcome !== expected) failures.push(`${name}: ${outcome}, expected ${expected} ${detail}`.trim());
}

for (const step of JSON.parse(readFileSync(new URL("calls.json", import.meta.url), "utf8"))) await run(step);
const result = { client: `AWS SDK for JavaScript ${version}`, calls, outcomes, failures };
writeFileSync(output, JSON.stringify(result, null, 1));
for (const client of Object.values(clients)) client.destroy();
