"""Clusters the same events with adproof and with its peers, in turn, and prints medians and minima.

usage: compare.py [--rows N] [--folder FOLDER] [--rounds N] [--threads 1,2] [--only NAMES] [--form FORMS]

Needs a Python with duckdb, polars, chdb, numpy and pyarrow. Events are generated where they are not
there yet. Answers must agree, and at 10 M events be the known ones. adproof is timed as a whole
process; a peer is timed after its imports.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rows", type=int, default=10_000_000)
parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("target/cluster"))
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--threads", default="1,2")
parser.add_argument("--only", default="adproof,duckdb,polars,chdb")
parser.add_argument("--form", default="csv,parquet", help="csv, parquet or csv,parquet")
parser.add_argument("--memory", type=int, default=8_000_000_000, help="bytes that adproof may take")
args = parser.parse_args()

KNOWN = {
    10_000_000: {
        "/64": [793_139, 10_000_000, 30, 1_651_437],
        "/48": [17_004, 10_000_000, 30, 1_651_437],
        "/32": [362, 10_000_000, 30, 1_651_437],
        "asn": [138, 10_000_000, 30, 1_651_437],
    }
}

args.folder.mkdir(parents=True, exist_ok=True)
events = args.folder / f"events-{args.rows}"
if not events.with_suffix(".csv").exists():
    subprocess.run([sys.executable, here / "events.py", str(args.rows), events], check=True)
build = ["cargo", "build", "--profile", "dist", "-p", "adproof-benches-cluster", "--example", "cluster"]
subprocess.run(build, check=True, cwd=here)
target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", here.parent.parent / "target"))
kernel = target / "dist/examples/cluster"


def run(name, file, threads):
    if name == "adproof":
        command = [kernel, file, str(threads), str(args.memory)]
    else:
        command = [sys.executable, here / "peers.py", name, file, str(threads)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    answer = json.loads(child.stdout.read())
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, f"{name} failed"
    whole = usage.ru_utime + usage.ru_stime
    return answer | {"cpu": answer.get("cpu", whole), "peak": usage.ru_maxrss / 1024}


expected = KNOWN.get(args.rows)
figures, versions = {}, {}
forms, counts = args.form.split(","), [int(count) for count in args.threads.split(",")]
for _ in range(args.rounds):
    for form in forms:
        for threads in counts:
            for name in args.only.split(","):
                found = run(name, events.with_suffix("." + form), threads)
                expected = expected or found["res"]
                assert found["res"] == expected, f"{name} counts {found['res']}, not {expected}"
                versions[name] = found.get("version", "")
                figures.setdefault((form, threads, name), []).append(found)

print(f"{args.rows} events, {args.rounds} rounds in turn: median (minimum)\n")
print("| form | threads | contender | wall, s | CPU, s | peak, MB |")
print("|---|---|---|---|---|---|")
for (form, threads, name), runs in sorted(figures.items()):
    cells = []
    for key, digits in (("wall", 2), ("cpu", 2), ("peak", 0)):
        values = [one[key] for one in runs]
        cells.append(f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f})")
    print(f"| {form} | {threads} | {name} {versions[name]} | {' | '.join(cells)} |")
for form in forms:
    for threads in counts:
        own = figures.get((form, threads, "adproof"))
        for key in ("wall", "cpu", "peak"):
            peers = {
                name: statistics.median(one[key] for one in runs)
                for (at, count, name), runs in figures.items()
                if (at, count) == (form, threads) and name != "adproof"
            }
            if own and peers:
                best = min(peers, key=peers.get)
                mine = statistics.median(one[key] for one in own)
                print(f"{form}, {threads} threads, {key}: best peer {best} {peers[best]:.2f}, {peers[best] / mine:.2f} times adproof's {mine:.2f}")
