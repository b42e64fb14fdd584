"""The calls of calls.json through boto3, and every error of the service model that the emulator knows.

calls.py ENDPOINT OUTPUT            against a KMS at ENDPOINT, such as moto
calls.py ENDPOINT OUTPUT REFUSING   against the emulator, whose keys at REFUSING answer one error each

The client is boto3 as it is installed, told an endpoint and nothing else; the emulator checks its signatures. At REFUSING its retries are off, as they would
hide the errors; the calls at "retrying" leave them on. Writes what came of each call to OUTPUT as JSON.
"""
import json
import os
import re
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader

HERE = os.path.dirname(os.path.abspath(__file__))
OPERATIONS = {
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "Encrypt": {"Plaintext": b"x"},
    "Decrypt": {"CiphertextBlob": b"x"},
    "ReEncrypt": {"CiphertextBlob": b"x"},
    "DescribeKey": {},
}


def method(client, operation):
    return getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())


def value(given, earlier):
    """What stands in calls.json, with references and bytes in place."""
    if isinstance(given, str) and given.startswith("$"):
        step, *path = given[1:].split(".")
        found = earlier[step]
        for part in path:
            found = found[part]
        return found
    if isinstance(given, list):
        return [value(each, earlier) for each in given]
    if not isinstance(given, dict):
        return given
    made = {
        "utf8": lambda text: text.encode(),
        "zeros": lambda count: bytes(count),
        "repeat": lambda pair: pair[0] * pair[1],
        "cut": lambda blob: value(blob, earlier)[:-1],
        "flip": lambda pair: flip(value(pair[0], earlier), pair[1]),
        "replace": lambda three: re.sub(three[1], value(three[2], earlier), value(three[0], earlier)),
    }
    if len(given) == 1 and (name := next(iter(given))) in made:
        return made[name](given[name])
    return {key: value(each, earlier) for key, each in given.items()}


def flip(blob, at):
    blob = bytearray(blob)
    blob[at] ^= 1
    return bytes(blob)


def mismatch(expected, seen, earlier, path="answer"):
    """Where an answer is not as expected; None if it is."""
    rule = next(iter(expected)) if isinstance(expected, dict) and len(expected) == 1 else None
    if rule == "absent":
        return None if seen is None else f"{path} is there"
    if seen is None:
        return f"{path} is missing"
    if rule == "matches":
        return None if re.search(expected[rule], seen) else f"{path} is {seen}"
    if rule == "bytes":
        low, high = expected[rule]
        return None if low <= len(seen) <= high else f"{path} has {len(seen)} bytes"
    if rule == "not":
        return f"{path} is {seen}" if seen == value(expected[rule], earlier) else None
    if rule == "contains":
        for each in expected[rule]:
            if all(mismatch(each, one, earlier) for one in seen):
                return f"{path} lacks {each}"
        return None
    if isinstance(expected, dict) and rule not in ("utf8", "zeros"):
        for key, each in expected.items():
            if wrong := mismatch(each, seen.get(key), earlier, f"{path}.{key}"):
                return wrong
        return None
    return None if seen == value(expected, earlier) else f"{path} is {seen}"


class Run:
    def __init__(self):
        self.outcomes, self.failures, self.calls = {}, [], 0

    def note(self, name, outcome, expected, detail=""):
        self.outcomes[name] = outcome
        if outcome != expected:
            self.failures.append(f"{name}: {outcome}, expected {expected} {detail}".strip())

    def step(self, client, step, earlier):
        error = step.get("error")
        expected = f"{error[0]} {error[1]}" if error else "ok"
        self.calls += 1
        try:
            answer = method(client, step["operation"])(**value(step["input"], earlier))
        except ClientError as refused:
            self.note(step["name"], told(refused), expected)
            return
        except BotoCoreError as failed:
            self.note(step["name"], type(failed).__name__, expected, str(failed))
            return
        earlier[step["name"]] = answer
        if error:
            self.note(step["name"], "answered", expected)
            return
        wrong = mismatch(step["expect"], answer, earlier)
        self.note(step["name"], "answered otherwise" if wrong else "ok", expected, wrong or "")

    def model(self, client):
        """Each error that an operation declares, raised as the class that the model gives it.

        The model tells faults of the service from those of the client; the API reference gives 500 to the former and
        400 to the latter.
        """
        model = client.meta.service_model
        shapes = Loader().load_service_model("kms", "service-2")["shapes"]
        for operation, input in OPERATIONS.items():
            for shape in model.operation_model(operation).error_shapes:
                status = 500 if shapes[shape.name].get("fault") else 400
                key = "DestinationKeyId" if operation == "ReEncrypt" else "KeyId"
                name = f"model {operation} {shape.name}"
                self.calls += 1
                try:
                    method(client, operation)(**input, **{key: f"alias/{shape.name}"})
                    self.note(name, "answered", f"{shape.name} {status}")
                except ClientError as refused:
                    modelled = getattr(client.exceptions, shape.name)
                    outcome = told(refused) if isinstance(refused, modelled) else f"class {type(refused).__name__}"
                    self.note(name, outcome, f"{shape.name} {status}")


def told(refused):
    answer = refused.response
    return f"{answer['Error']['Code']} {answer['ResponseMetadata']['HTTPStatusCode']}"


def main(endpoint, output, refusing=None):
    once = Config(retries={"total_max_attempts": 1})
    clients = {"plain": boto3.client("kms", endpoint_url=endpoint)}
    clients["away"] = boto3.client("kms", endpoint_url=endpoint, region_name="us-east-1")
    if refusing:
        clients["refusing"] = boto3.client("kms", endpoint_url=refusing, config=once)
        clients["retrying"] = boto3.client("kms", endpoint_url=refusing)
        for name, access_key in [("forged", "AKIDEXAMPLE"), ("stranger", "AKIASTRANGER")]:
            secrets = {"aws_access_key_id": access_key, "aws_secret_access_key": "another"}
            clients[name] = boto3.client("kms", endpoint_url=endpoint, **secrets)
    with open(os.path.join(HERE, "calls.json"), encoding="utf-8") as file:
        steps = json.load(file)
    run, earlier = Run(), {"run": {"alias": "alias/boto3"}}
    for step in steps:
        if client := clients.get(step.get("at", "plain")):
            run.step(client, step, earlier)
    if refusing:
        run.model(clients["refusing"])
    result = {"client": f"boto3 {boto3.__version__}", "calls": run.calls}
    result |= {"outcomes": run.outcomes, "failures": run.failures}
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
