"""A whole trainer in plain Python: it counts which byte follows which in the data, and leaves that as a model.

It is here to show what a trainer is given and what it leaves. Put your own in the place of `count` and keep the rest: the
arguments, the paths, and the end before the time is over.
"""

import argparse
import json
import struct
import sys
import time
from pathlib import Path

CACHE = Path("/cache")
CHECKPOINTS = Path("/app/checkpoints")
# What is kept of the time for writing the model.
RESERVE = 0.1


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("task-id", "model", "expected-repo-name"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--hours-to-complete", type=float, required=True)
    for name in ("dataset", "dataset-type", "task-type", "file-format", "dataset-zip", "model-type", "trigger-word"):
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def expect(path, what):
    if not path.exists():
        sys.exit(f"expected {what} at {path}, found none")
    return path


def count(data, until):
    """How often each byte follows each other."""
    counts = [[0] * 256 for _ in range(256)]
    last = 0
    for number, byte in enumerate(data):
        if number % 65536 == 0 and time.monotonic() > until:
            print(f"the time is over after {number} bytes")
            break
        counts[last][byte] += 1
        last = byte
    return [[n / (sum(row) or 1) for n in row] for row in counts]


def write_safetensors(path, table):
    """One table of float32, in the format of safetensors."""
    rows, columns = len(table), len(table[0])
    header = {"bigrams": {"dtype": "F32", "shape": [rows, columns], "data_offsets": [0, 4 * rows * columns]}}
    header = json.dumps(header).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for row in table:
            file.write(struct.pack(f"<{columns}f", *row))


def main():
    args = arguments()
    until = time.monotonic() + args.hours_to_complete * 3600 * (1 - RESERVE)
    start = expect(CACHE / "models" / args.model.replace("/", "--"), "the model to start from")
    name = f"{args.task_id}_tourn.zip" if args.dataset_zip else f"{args.task_id}_train_data.json"
    data = expect(CACHE / "datasets" / name, "the data").read_bytes()
    print(f"training from {start} on {len(data)} bytes for at most {args.hours_to_complete} hours", flush=True)
    model = count(data, until)
    out = CHECKPOINTS / args.task_id / args.expected_repo_name
    out.mkdir(parents=True, exist_ok=True)
    config = start / "config.json"
    (out / "config.json").write_text(config.read_text() if config.exists() else "{}")
    write_safetensors(out / "model.safetensors", model)
    print(f"left a model in {out}")


if __name__ == "__main__":
    main()
