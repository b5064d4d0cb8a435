"""Reads exported presence sets with pyroaring (CRoaring), another implementation of the format, and
compares them with the events themselves.

    pip install pyroaring
    python tests/scripts/read_roaring.py target/debug/daybit
"""
import csv, gzip, pathlib, subprocess, sys, tempfile

try:
    from pyroaring import BitMap
except ImportError:
    print("skipped: pyroaring is not installed (pip install pyroaring)")
    sys.exit(0)

daybit = str(pathlib.Path(sys.argv[1]).resolve())
data = pathlib.Path(__file__).parent.parent.parent / "examples/data/online-retail.csv.gz"
days = {}
for row in csv.DictReader(gzip.open(data, "rt", encoding="utf-8")):
    if row["user"]:
        day = days.setdefault(row["time"][:10], {})
        day.setdefault("*", set()).add(row["user"])
        day.setdefault(row["activity"], set()).add(row["user"])

with tempfile.TemporaryDirectory() as folder:
    run = lambda *arguments: subprocess.run([daybit, *arguments], cwd=folder, check=True, capture_output=True).stdout
    run("import", "db", str(data))
    names = dict(row for row in csv.reader(run("export", "db", "users").decode().splitlines()))
    sets = 0
    for day in sorted(days)[::10]:
        for activity, users in days[day].items():
            read = BitMap.deserialize(run("export", "db", "presence", "--day", day, "--event", activity))
            assert {names[str(ordinal)] for ordinal in read} == users, (day, activity)
            sets += 1
print(f"{sets} exported sets hold the same users as the events")
