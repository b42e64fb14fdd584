"""Reads what the clients wrote, prints the table, and fails where anything is not as it should be.

report.py FOLDER: boto3.json, javascript.json, esdk-python.json and esdk-javascript.json are of the emulator, moto.json is
boto3 against moto. Where moto differs from the emulator, differences.json must say so and why.
"""
import json
import pathlib
import sys

CLIENTS = ["boto3", "javascript", "esdk-python", "esdk-javascript"]
LEAST_CALLS = 40


def main(folder):
    folder, wrong = pathlib.Path(folder), []
    read = lambda name: json.loads((folder / f"{name}.json").read_text("utf-8"))  # noqa: E731
    print(f"{'client':<42} {'calls':>6} {'passed':>6}")
    for result in map(read, CLIENTS):
        failed = len({failure.split(":")[0] for failure in result["failures"]})
        print(f"{result['client']:<42} {result['calls']:>6} {result['calls'] - failed:>6}")
        wrong += [f"{result['client']}: {failure}" for failure in result["failures"]]
        if result["calls"] < LEAST_CALLS:
            wrong.append(f"{result['client']}: {result['calls']} calls, at least {LEAST_CALLS} are due")
    wrong += compare(read("boto3")["outcomes"], read("moto")["outcomes"])
    for line in wrong:
        print(f"  {line}")
    sys.exit(1 if wrong else 0)


def compare(ours, theirs):
    """Every call that both were asked ends alike, or as differences.json says."""
    known = json.loads(pathlib.Path(__file__).with_name("differences.json").read_text("utf-8"))
    wrong, alike = [], 0
    for name, outcome in theirs.items():
        if name in known:
            if outcome != known[name]["moto"] or outcome == ours[name]:
                wrong.append(f"differences.json is out of date: moto answers {name} with {outcome}")
        elif outcome != ours[name]:
            wrong.append(f"{name}: the emulator answers {ours[name]}, moto {outcome}")
        else:
            alike += 1
    wrong += [f"differences.json names no call: {name}" for name in known if name not in theirs]
    print(f"moto answers {alike} of {len(theirs)} calls as the emulator does, and {len(known)} otherwise, as documented")
    return wrong


if __name__ == "__main__":
    main(*sys.argv[1:])
