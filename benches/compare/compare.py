#!/usr/bin/env python3
"""daybit beside DuckDB and ClickHouse, with one command:

    python3 benches/compare/compare.py --work FOLDER [--users 200000] [--peers duckdb,clickhouse]
        [--write docs/benchmarks.md]

Makes events in the folder, builds and loads daybit, asks it the standard questions, loads the peers
and asks them, checks that all cells are equal, and prints a table with versions and machine;
`--write` puts it between the marks of that page. What is there in the folder from an earlier run is
used again. Python packages of the peers are installed into the folder, by this script alone.
"""
import argparse
import glob
import json
import os
import platform
import re
import resource
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PACKAGES = ["duckdb", "chdb", "numpy", "pyarrow"]
NAMES = {
    "dau": "daily actives, 365 days",
    "wau": "weekly actives",
    "mau": "monthly actives",
    "trailing28": "trailing 28 days, for each day",
    "retention_month": "monthly retention triangle",
    "retention_day90": "day retention 0 to 90, for each day",
    "growth_week": "weekly growth and resurrection",
    "l28": "days-active histogram of 28 days",
    "funnel7d": "three-step funnel within 7 days",
    "dau_country_ios": "daily actives by country on one platform",
    "revenue_month": "monthly revenue and payers",
}
MARKS = ("<!-- compare: begin -->\n", "<!-- compare: end -->\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True, help="folder for data and databases")
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--peers", default="duckdb,clickhouse")
    parser.add_argument("--write", help="page whose table is to be replaced")
    asked = parser.parse_args()
    unknown = set(asked.peers.split(",")) - {"duckdb", "clickhouse"}
    if unknown:
        parser.error(f"unknown peers {', '.join(unknown)}: duckdb and clickhouse are known")
    return asked


def run(command, **options):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout


def python_of(work):
    """A Python that has the peers' packages."""
    found = subprocess.run([sys.executable, "-c", "import " + ",".join(PACKAGES)],
                           capture_output=True)
    if found.returncode == 0:
        return sys.executable
    python = os.path.join(work, "venv", "bin", "python")
    if not os.path.exists(python):
        run([sys.executable, "-m", "venv", os.path.join(work, "venv")])
        run([python, "-m", "pip", "install", "--quiet", *PACKAGES])
    return python


def bytes_of(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(map(os.path.getsize, files))


class Daybit:
    """Builds the program and the bench, imports the events, asks the questions."""

    def __init__(self, work, data):
        self.database = os.path.join(work, "daybit.db")
        run(["cargo", "build", "--release", "--quiet", "--bin", "daybit"], cwd=ROOT)
        program = os.path.join(ROOT, "target", "release", "daybit")
        self.version = run([program, "--version"]).strip()
        self.load = None
        if not os.path.exists(self.database):
            files = sorted(glob.glob(os.path.join(data, "*.parquet")))
            started = time.perf_counter()
            run([program, "import", self.database, *files, "--skip", "uid"],
                stderr=subprocess.DEVNULL)
            self.load = time.perf_counter() - started
            self.peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.times, self.answers = {}, {}
        for rows in [[], ["--rows"]]:
            answers = os.path.join(work, "daybit.json")
            bench = ["cargo", "bench", "--quiet", "--bench", "questions", "--", self.database]
            printed = run([*bench, *rows, "--answers", answers], cwd=ROOT)
            for line in map(json.loads, printed.strip().split("\n")):
                self.times[line["question"]] = line
            with open(answers) as file:
                self.answers |= json.load(file)
        # One question of the peers is two of daybit's.
        for key in ["first_ms", "best_ms"]:
            self.times["revenue_month"][key] += self.times["payers_month"][key]

    def cells(self, name):
        """The answer in the form of the peers': rows of texts."""
        answer = self.answers[name]
        series = answer["series"]
        if name.startswith("retention"):
            return retention_cells(series[0], name == "retention_day90")
        if name == "l28":
            return [[str(k + 1), str(n)] for k, n in enumerate(series[0]["users"]) if n]
        if name == "funnel7d":
            users = [step["users"] for step in series[0]["steps"]] + [0]
            return [[str(k + 1), str(users[k] - users[k + 1])] for k in range(len(users) - 1)]
        starts = [bucket["start"] for bucket in answer["buckets"]]
        if name == "dau_country_ios":
            rows = [[start, one["key"]["country"], str(n)] for one in series
                    for start, n in zip(starts, one["users"]) if n]
            return sorted(rows)
        columns = {"growth_week": ["new", "retained", "resurrected"]}.get(name, ["users"])
        if name == "revenue_month":
            payers = self.answers["payers_month"]["series"][0]["users"]
            cents = [round(float(value) * 100) for value in series[0]["value"]]
            return [list(map(str, row)) for row in zip(starts, cents, payers)]
        return [[start, *(str(series[0][column][at]) for column in columns)]
                for at, start in enumerate(starts)]


def retention_cells(series, by_day):
    cohorts = series["cohorts"]
    starts = [cohort["start"] for cohort in cohorts]
    rows = []
    for at, cohort in enumerate(cohorts):
        for column, users in enumerate(cohort["returned"]):
            if users and by_day:
                rows.append([cohort["start"], str(column), str(users)])
            elif users and at + column < len(starts):
                rows.append([cohort["start"], starts[at + column], str(users)])
    return rows


class Peer:
    def __init__(self, name, python, work, data):
        self.name = name
        self.database = os.path.join(work, name + ".db")
        answers = os.path.join(work, name + ".json")
        printed = run([python, os.path.join(HERE, "peers.py"), name, "--data", data,
                       "--db", self.database, "--answers", answers])
        lines = map(json.loads, printed.strip().split("\n"))
        self.times = {line["question"]: line["seconds"] for line in lines}
        with open(answers) as file:
            self.answers = json.load(file)
        package = {"clickhouse": "chdb"}.get(name, name)
        self.version = run([python, "-c", f"import {package}; print({package}.__version__)"]).strip()

    def cells(self, name):
        """Without those who did not take the first step, and cells of nobody."""
        rows = [[cell[:10] for cell in row] for row in self.answers[name]]
        rows = [row for row in rows if name != "funnel7d" or row[0] != "0"]
        if name.startswith("retention"):
            rows = [row for row in rows if row[-1] != "0"]
        return sorted(rows) if name == "dau_country_ios" else rows


def check(daybit, peers):
    wrong = [f"{name}: {peer.name} differs" for peer in peers for name in NAMES
             if name in peer.answers and peer.cells(name) != daybit.cells(name)]
    if wrong:
        sys.exit("\n".join(wrong))


def table(daybit, peers, users):
    def cell(value, scale=1, digits=3):
        return "" if value is None else f"{value * scale:.{digits}g}" if value else "0"

    cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    machine = f"{os.cpu_count()} cores of {cpu.group(1) if cpu else platform.processor()}"
    versions = ", ".join([daybit.version, *(f"{peer.name} {peer.version}" for peer in peers)])
    yield f"{versions}; {machine}; {time.strftime('%Y-%m-%d')}; {users} users. All cells are equal.\n\n"
    names = [peer.name for peer in peers]
    yield "| question | daybit first, ms | daybit, ms | " + " | ".join(f"{n}, ms" for n in names)
    yield " | best peer / daybit |\n" + "|---" * (4 + len(peers)) + "|\n"
    for name, title in NAMES.items():
        ours = daybit.times[name]
        theirs = [peer.times.get(name) for peer in peers]
        best = min((seconds for seconds in theirs if seconds is not None), default=None)
        ratio = best and best * 1_000 / ours["best_ms"]
        cells = [title, cell(ours["first_ms"]), cell(ours["best_ms"])]
        yield "| " + " | ".join(cells + [cell(s, 1_000) for s in theirs] + [cell(ratio)]) + " |\n"
    loads = ["import, s", "", cell(daybit.load), *(cell(peer.times.get("load")) for peer in peers)]
    yield "| " + " | ".join([*loads, ""]) + " |\n"
    sizes = [cell(bytes_of(store.database), 1e-6) for store in [daybit, *peers]]
    yield "| " + " | ".join(["size, MB", "", *sizes, ""]) + " |\n"


def write(page, text):
    with open(page) as file:
        before, rest = file.read().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    with open(page, "w") as file:
        file.write(before + MARKS[0] + text + MARKS[1] + after)


def main():
    asked = arguments()
    os.makedirs(asked.work, exist_ok=True)
    python, data = python_of(asked.work), os.path.join(asked.work, f"events-{asked.users}")
    if not os.path.exists(data):
        run([python, os.path.join(HERE, "events.py"), "--users", str(asked.users), "--out", data])
    daybit = Daybit(asked.work, data)
    peers = [Peer(name, python, asked.work, data) for name in asked.peers.split(",")]
    check(daybit, peers)
    text = "".join(table(daybit, peers, asked.users))
    print(text)
    if asked.write:
        write(asked.write, text)


if __name__ == "__main__":
    main()
