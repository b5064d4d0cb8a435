"""The standard questions, asked of DuckDB and of ClickHouse (chdb) in the forms that an expert would
choose: prepared user-days here, prepared daily bitmaps there. Both get dense integer user ids.

    python3 peers.py duckdb|clickhouse --data FOLDER --db PATH --answers FILE

Prints a line of JSON for each load and question: the best seconds of several.
"""
import argparse
import json
import os
import time

ENUM = ("app_open view search add_to_cart checkout purchase share invite api_call report "
        "dashboard_create support_ticket").split()
STEPS = "activity in ('search','add_to_cart','purchase')"

DUCKDB_LOAD = [
    "create table e as select uid, activity::enum({enum}) activity, time::timestamp as ts,"
    " time::date as day, value, country, platform from '{files}' order by day",
    "create table ud as select distinct day, uid from e order by day, uid",
    "create table fs as select uid, min(day) d0 from ud group by uid",
]
DUCKDB = {
    "dau": "select day, count(*) from ud group by 1 order by 1",
    "wau": "select date_trunc('week', day)::date, count(distinct uid) from ud group by 1 order by 1",
    "mau": "select date_trunc('month', day)::date, count(distinct uid) from ud group by 1 order by 1",
    "trailing28": """
        with n as (select uid, day, lead(day) over (partition by uid order by day) nx from ud),
        d as (select day s, least(day + 28, coalesce(nx, day + 28)) t from n),
        x as (select s as day, 1 v from d union all select t, -1 from d)
        select day, n from (select day, sum(sum(v)) over (order by day) n from x group by day)
        where day in (select distinct day from ud) order by 1""",
    "retention_month": """select date_trunc('month', d0)::date, date_trunc('month', day)::date,
        count(distinct uid) from ud join fs using (uid) group by 1, 2 order by 1, 2""",
    "retention_day90": """select d0, day - d0, count(*) from ud join fs using (uid)
        where day - d0 <= 90 group by 1, 2 order by 1, 2""",
    "growth_week": """
        with w as (select distinct uid, date_trunc('week', day)::date w from ud),
        g as (select uid, w, lag(w) over (partition by uid order by w) p from w)
        select w, count(*) filter (where p is null), count(*) filter (where p = w - 7),
        count(*) filter (where p < w - 7) from g group by 1 order by 1""",
    "l28": """select n, count(*) from (select uid, count(*) n from ud where day >
        (select max(day) - 28 from ud) group by 1) group by 1 order by 1""",
    "dau_country_ios": """select day, country, count(distinct uid) from e where platform = 'ios'
        group by 1, 2 order by 1, 2""",
    "revenue_month": """select date_trunc('month', day)::date, round(sum(value) * 100)::bigint,
        count(distinct uid) from e where activity = 'purchase' group by 1 order by 1""",
}

CLICKHOUSE_LOAD = [
    "create database k",
    "create table k.e (uid UInt32, activity LowCardinality(String), ts DateTime64(3, 'UTC'),"
    " day Date, value Nullable(Float64), country LowCardinality(String),"
    " platform LowCardinality(String)) engine = MergeTree order by (day, activity, uid)",
    "insert into k.e select uid, activity, time, toDate(time), value, country, platform"
    " from file('{files}', Parquet)",
    "create table k.d (day Date, users AggregateFunction(groupBitmap, UInt32))"
    " engine = AggregatingMergeTree order by day",
    "insert into k.d select day, groupBitmapState(uid) from k.e group by day",
    "create table k.c (c Date, users AggregateFunction(groupBitmap, UInt32))"
    " engine = AggregatingMergeTree order by c",
    "insert into k.c select c, groupBitmapState(uid) from"
    " (select uid, toStartOfMonth(min(day)) c from k.e group by uid) group by c",
]
CLICKHOUSE = {
    "dau": "select day, groupBitmapMerge(users) from k.d group by day order by day",
    "wau": "select toMonday(day) m, groupBitmapMerge(users) from k.d group by m order by m",
    "mau": "select toStartOfMonth(day) m, groupBitmapMerge(users) from k.d group by m order by m",
    "trailing28": """select t.day, groupBitmapMerge(d.users) from (select day from k.d) t, k.d d
        where d.day <= t.day and d.day > t.day - 28 group by t.day order by t.day""",
    "retention_month": """
        with m as (select toStartOfMonth(day) m, groupBitmapMergeState(users) u from k.d group by m),
        b as (select c, groupBitmapMergeState(users) u from k.c group by c)
        select b.c, m.m, bitmapAndCardinality(b.u, m.u) n from b, m where b.c <= m.m order by 1, 2""",
    "growth_week": """
        with w as (select uid, arraySort(groupUniqArray(toMonday(day))) ws from k.e group by uid)
        select x.1 w, countIf(x.2 = 1), countIf(x.2 > 1 and x.3 = x.1 - 7),
        countIf(x.2 > 1 and x.3 < x.1 - 7) from (select arrayJoin(arrayZip(ws, arrayEnumerate(ws),
        arrayPushFront(arrayPopBack(ws), toDate('1970-01-01')))) x from w) group by w order by w""",
    "l28": """select n, count() from (select uid, uniqExact(day) n from k.e where day >
        (select max(day) - 28 from k.d) group by uid) group by n order by n""",
    "funnel7d": f"""select level, count() from (select uid, windowFunnel(604800000)
        (toUInt64(toUnixTimestamp64Milli(ts)), activity = 'search', activity = 'add_to_cart',
        activity = 'purchase') level from k.e where {STEPS} group by uid)
        group by level order by level""",
    "dau_country_ios": """select day, country, uniqExact(uid) from k.e where platform = 'ios'
        group by 1, 2 order by 1, 2""",
    "revenue_month": """select toStartOfMonth(day) m, toInt64(round(sum(value) * 100)),
        uniqExact(uid) from k.e where activity = 'purchase' group by m order by m""",
}


def duckdb_of(path):
    import duckdb

    connection = duckdb.connect(path)
    return lambda sql: connection.execute(sql).fetchall()


def clickhouse_of(path):
    from chdb import session

    held = session.Session(path)

    def run(sql):
        lines = str(held.query(sql, "JSONCompactStringsEachRow")).strip().split("\n")
        return [json.loads(line) for line in lines if line]

    return run


PEERS = {
    "duckdb": (duckdb_of, DUCKDB_LOAD, DUCKDB),
    "clickhouse": (clickhouse_of, CLICKHOUSE_LOAD, CLICKHOUSE),
}


def timed(run, sql):
    started = time.perf_counter()
    rows = run(sql)
    return time.perf_counter() - started, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--data", required=True)
    parser.add_argument("--db", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--answers", required=True)
    asked = parser.parse_args()
    opened, loads, questions = PEERS[asked.peer]
    files = os.path.join(os.path.abspath(asked.data), "*.parquet")
    enum = ",".join(f"'{name}'" for name in ENUM)
    fresh = not os.path.exists(asked.db)
    run, answers = opened(asked.db), {}
    if fresh:
        loaded = sum(timed(run, sql.format(files=files, enum=enum))[0] for sql in loads)
        print(json.dumps({"question": "load", "seconds": loaded}), flush=True)
    for name, sql in questions.items():
        runs = [timed(run, sql) for _ in range(asked.repeats)]
        answers[name] = [[str(cell) for cell in row] for row in runs[0][1]]
        best = min(seconds for seconds, _ in runs)
        print(json.dumps({"question": name, "seconds": best}), flush=True)
    with open(asked.answers, "w") as file:
        json.dump(answers, file)


if __name__ == "__main__":
    main()
