#!/usr/bin/env python3
"""A second opinion on daybit's answers: the same questions asked of ClickHouse and DuckDB.

    pip install duckdb chdb
    python3 second_opinion.py --data PARQUET_FOLDER --db DATABASE [--daybit PROGRAM]

The folder holds generated product events as Parquet files (columns user, activity, time, value,
country, platform), the database the same events imported. Prints a line for each question: the
peer, how many cells were compared, and whether they are equal; ends with 1 if any are not.
"""
import argparse
import json
import os
import subprocess
import sys
from datetime import date

MONEY = {"event": "purchase", "property": "value"}
STEPS = ["search", "add_to_cart", "purchase"]
LONG = ["app_open", "view", "search", "add_to_cart", "checkout", "purchase"]
HOUR_S = 3_600


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of Parquet files")
    parser.add_argument("--db", required=True, help="daybit database of the same events")
    parser.add_argument("--daybit", default="daybit", help="the program")
    return parser.parse_args()


class Daybit:
    def __init__(self, program, database):
        self.program, self.database = program, database

    def ask(self, query):
        command = [self.program, "query", self.database, json.dumps(query)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"daybit did not answer {json.dumps(query)}: {done.stderr}")
        return json.loads(done.stdout)

    def cells(self, query, *columns):
        """{(bucket start, key values...): [figures]} where a figure is there and not 0."""
        answer = self.ask(query)
        found = {}
        for series in answer["series"]:
            key = tuple(map(str, series["key"].values()))
            for i, bucket in enumerate(answer["buckets"]):
                row = [series[column][i] for column in columns]
                if any(row):
                    found[(bucket["start"], *key)] = row
        return found

    def steps(self, query):
        """{(key values..., step): [users]}"""
        found = {}
        for series in self.ask(query)["series"]:
            for step in series["steps"]:
                found[(*map(str, series["key"].values()), step["step"])] = [step["users"]]
        return found


class DuckDb:
    name = "DuckDB"

    def __init__(self, files):
        import duckdb

        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute(
            'create table e as select "user" as u, activity, "time"::timestamp as t, '
            f"value, country, platform from '{files}'"
        )

    def cells(self, sql, keys):
        """The first `keys` columns are the key, the others the figures."""
        rows = self.connection.execute(sql).fetchall()
        text = lambda c: c.isoformat()[:10] if isinstance(c, date) else str(c)
        return {tuple(map(text, row[:keys])): list(row[keys:]) for row in rows}


class ClickHouse:
    name = "ClickHouse"

    def __init__(self, files):
        from chdb import session

        self.session = session.Session()
        self.session.query(
            "create table e engine = Memory as select user as u, activity, "
            "toUInt64(toUnixTimestamp64Milli(time)) as t, country, platform "
            f"from file('{files}', Parquet)"
        )

    def levels(self, window_s, steps, mode="", by=None, first=""):
        """{(group, step): [users]}: people who reached at least that step."""
        conditions = [f"activity = '{step}'" for step in steps]
        conditions[0] += first
        group = by or "''"
        rows = self.session.query(
            f"select g, level, count() from (select {group} as g, u, "
            f"windowFunnel({window_s * 1000}{mode})(t, {', '.join(conditions)}) as level "
            "from e group by g, u) group by g, level",
            "JSONCompactEachRow",
        )
        counts = {}
        for line in str(rows).strip().splitlines():
            group, level, people = json.loads(line)
            for step in range(1, int(level) + 1):
                key = (group, step) if by else (step,)
                counts[key] = [counts.get(key, [0])[0] + int(people)]
        return {
            key: counts.get(key, [0])
            for group in {key[:-1] for key in counts}
            for key in [(*group, step + 1) for step in range(len(steps))]
        }


def near(a, b):
    """Counts are equal; sums and means of binary floats agree to nine digits."""
    if isinstance(a, float) or isinstance(b, float):
        return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1)
    return a == b


def compare(question, peer, ours, theirs):
    wrong = [k for k in ours.keys() | theirs.keys() if not same(ours.get(k), theirs.get(k))]
    cells = sum(len(row) for row in ours.values())
    state = "equal" if not wrong else f"DIFFERENT in {len(wrong)} rows"
    print(f"{question}: {peer.name}, {cells} cells, {state}", flush=True)
    for key in sorted(wrong, key=str)[:5]:
        print(f"    {key}: daybit {ours.get(key)}, {peer.name} {theirs.get(key)}")
    return not wrong and cells > 0


def same(ours, theirs):
    if ours is None or theirs is None:
        return False
    return len(ours) == len(theirs) and all(map(near, ours, theirs))


def ask_clickhouse(daybit, peer):
    """The ordered funnel, by windowFunnel."""
    for name, window_s in [("1 hour", HOUR_S), ("1 day", 24 * HOUR_S), ("7 days", 168 * HOUR_S)]:
        for steps in [STEPS, LONG]:
            query = {"report": "funnel", "steps": steps, "within": f"{window_s}s"}
            question = f"funnel of {len(steps)} steps within {name}"
            yield compare(question, peer, daybit.steps(query), peer.levels(window_s, steps))
    week_s = 168 * HOUR_S
    query = {"report": "funnel", "steps": STEPS, "within": "7d"}
    ours = daybit.steps(query | {"ties": "forbid"})
    theirs = peer.levels(week_s, STEPS, ", 'strict_increase'")
    yield compare("funnel of 3 steps, times strictly increase", peer, ours, theirs)
    ours = daybit.steps(query | {"breakdown": ["platform"]})
    theirs = peer.levels(week_s, STEPS, by="platform")
    yield compare("funnel of 3 steps by platform", peer, ours, theirs)
    first = {"event": "search", "where": [{"property": "country", "in": ["DE", "FR"]}]}
    ours = daybit.steps(query | {"steps": [first, *STEPS[1:]]})
    theirs = peer.levels(week_s, STEPS, first=" and country in ('DE', 'FR')")
    yield compare("funnel of 3 steps from two countries", peer, ours, theirs)


def ask_duckdb(daybit, peer):
    """Money and breakdowns."""
    month = "date_trunc('month', t)::date"
    paid = "from e where activity = 'purchase'"
    value = {"report": "value", "by": "month", **MONEY}
    for measure, figure in [
        ("sum", "sum(value)"),
        ("mean", "avg(value)"),
        ("max", "max(value)"),
        ("p90", "list_sort(list(value))[ceil(0.9 * count(value))::int]"),
        ("sum_per_user", "sum(value) / count(distinct u)"),
    ]:
        ours = daybit.cells(value | {"measure": measure}, "value")
        theirs = peer.cells(f"select {month}, {figure} {paid} group by 1", 1)
        yield compare(f"monthly revenue, {measure}", peer, ours, theirs)
    payers = {"report": "active", "event": "purchase", "by": "month"}
    theirs = peer.cells(f"select {month}, count(distinct u) {paid} group by 1", 1)
    yield compare("monthly payers", peer, daybit.cells(payers, "users"), theirs)
    big = {"event": "purchase", "where": [{"property": "value", "gte": 50}]}
    ours = daybit.cells({"report": "value", "measure": "events", "event": big}, "value")
    theirs = peer.cells(f"select t::date, count(*) {paid} and value >= 50 group by 1", 1)
    yield compare("daily purchases of 50 and more", peer, ours, theirs)
    ios = {"event": "*", "where": [{"property": "platform", "is": "ios"}]}
    query = {"report": "active", "event": ios, "breakdown": ["country"], "top": 100}
    theirs = peer.cells(
        "select t::date, country, count(distinct u) from e where platform = 'ios' group by 1, 2", 2
    )
    ours = daybit.cells(query, "users")
    yield compare("daily actives by country on one platform", peer, ours, theirs)
    yield from ask_groups(daybit, peer)


def ask_groups(daybit, peer):
    month = "date_trunc('month', t)::date"
    query = {"report": "value", "measure": "events", "by": "month"}
    groups = {"breakdown": ["country", "platform"], "top": 100}
    theirs = peer.cells(f"select {month}, country, platform, count(*) from e group by 1, 2, 3", 3)
    ours = daybit.cells(query | groups, "value")
    yield compare("monthly events by country and platform", peer, ours, theirs)
    query = {"report": "active", "by": "month", "breakdown": ["country"], "top": 3}
    theirs = peer.cells(
        "with c as (select country, row_number() over (order by count(distinct u) desc, country) r "
        f"from e group by 1) select {month}, case when r <= 3 then country else 'True' end, "
        "count(distinct u) from e join c using (country) group by 1, 2",
        2,
    )
    ours = daybit.cells(query, "users")
    yield compare("monthly actives of three countries and the rest", peer, ours, theirs)
    theirs = peer.cells(
        "with o as (select u, t, lag(t) over (partition by u order by t) p from e), "
        "s as (select u, t, sum((p is null or t - p > interval 30 minute)::int) "
        "over (partition by u order by t, p nulls first rows unbounded preceding) n from o), "
        "d as (select u, n, min(t) b, epoch(max(t) - min(t)) s, count(*) c from s group by 1, 2) "
        "select date_trunc('month', b)::date, count(*), count(distinct u), avg(s), avg(c) "
        "from d group by 1",
        1,
    )
    columns = ["sessions", "users", "mean_s", "events_per_session"]
    ours = daybit.cells({"report": "sessions", "by": "month"}, *columns)
    yield compare("monthly sessions", peer, ours, theirs)


def main():
    given = arguments()
    files = os.path.join(os.path.abspath(given.data), "*.parquet")
    daybit = Daybit(given.daybit, given.db)
    results = [*ask_clickhouse(daybit, ClickHouse(files)), *ask_duckdb(daybit, DuckDb(files))]
    print(f"{sum(results)} of {len(results)} questions answered alike")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
