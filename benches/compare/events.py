"""Makes product events as Parquet files, the same ones for the same arguments.

    python3 events.py --users 200000 --out FOLDER [--days 365] [--start 2024-01-01] [--seed 7]

A fifth of the users is there on the first day, the others join over the year. Some stay for days,
some for months, some come back. Each active day opens the app, and other events follow within
minutes. Users are texts (`user`) and, for stores that want it, integers (`uid`).
"""
import argparse
import datetime
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ACTIVITIES = {
    "app_open": 0, "view": 0.40, "search": 0.15, "add_to_cart": 0.09, "checkout": 0.05,
    "purchase": 0.035, "share": 0.06, "invite": 0.015, "api_call": 0.10, "report": 0.05,
    "dashboard_create": 0.03, "support_ticket": 0.02,
}
COUNTRIES = "US IN BR DE GB FR JP ID MX NG CA ES IT KR TR PL VN AU NL SE".split()
PLATFORMS = {"ios": 0.5, "android": 0.3, "web": 0.2}
PURCHASE = list(ACTIVITIES).index("purchase")
DAY_MS = 86_400_000
SCHEMA = pa.schema([
    ("user", pa.string()), ("uid", pa.int32()), ("activity", pa.string()),
    ("time", pa.timestamp("ms", tz="UTC")), ("value", pa.float64()), ("country", pa.string()),
    ("platform", pa.string()),
])


def shares(weights):
    weights = np.array(list(weights), dtype=float)
    return weights / weights.sum()


class People:
    """When each user joins, leaves and comes back, and how often they are active."""

    def __init__(self, random, users, days):
        there = int(users * 0.2)
        joining = np.linspace(1, 2.2, days) * (1 + 0.15 * np.sin(np.arange(days) * 2 * np.pi / 7))
        later = np.sort(random.choice(days, size=users - there, p=shares(joining)))
        self.joined = np.concatenate([np.zeros(there, np.int32), later.astype(np.int32)])
        kind = random.choice(3, size=users, p=[0.45, 0.35, 0.20])
        lives = [random.geometric(0.45, users), random.exponential(40, users),
                 random.exponential(500, users)]
        rates = [random.beta(2, 4, users), random.beta(2, 5, users), random.beta(3, 4, users)]
        self.left = self.joined + np.choose(kind, lives).astype(np.int32) + 1
        self.rate = np.choose(kind, rates).astype(np.float32)
        back = self.left + random.integers(30, 120, users)
        self.back = np.where(random.random(users) < 0.12, back, 10**6).astype(np.int32)
        self.gone = self.back + random.exponential(30, users).astype(np.int32)
        self.country = random.choice(20, size=users, p=shares(1 / np.arange(1, 21))).astype(np.int8)
        self.platform = random.choice(3, size=users, p=shares(PLATFORMS.values())).astype(np.int8)

    def active(self, random, day, weekend):
        alive = (self.joined <= day) & (day < self.left) | (self.back <= day) & (day < self.gone)
        users = np.flatnonzero(alive).astype(np.int32)
        rate = self.rate[users] * (0.8 if weekend else 1.0)
        there = random.random(len(users), dtype=np.float32) < rate
        return users[there | (self.joined[users] == day)]


def ids(users):
    """Texts that look random and are distinct."""
    mixed = np.arange(users, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(31)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(29)
    return pa.array([f"u{number:016x}" for number in mixed.tolist()])


def day_of(random, people, day, weekend):
    """Users, activities, seconds and values of a day's events, in the order of time."""
    active = people.active(random, day, weekend)
    counts = 1 + random.poisson(2.2, len(active))
    rows = int(counts.sum())
    starts = np.cumsum(counts) - counts
    first = np.zeros(rows, bool)
    first[starts] = True
    gap = random.exponential(240, rows)
    gap[random.random(rows) < 0.06] += 4_000
    gap[first] = 0
    since = np.cumsum(gap)
    since -= np.repeat(since[starts], counts)
    base = np.repeat(random.integers(0, 80_000, len(active)), counts)
    seconds = np.minimum(base + since, 86_399.999)
    activity = random.choice(12, size=rows, p=shares(ACTIVITIES.values())).astype(np.int8)
    activity[first] = 0
    price = np.round(random.lognormal(3.3, 0.8, rows), 2)
    value = np.where(activity == PURCHASE, price, np.nan)
    order = np.argsort(seconds, kind="stable")
    users = np.repeat(active, counts)
    return users[order], activity[order], seconds[order], value[order]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--start", default="2024-01-01")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", required=True)
    asked = parser.parse_args()
    random = np.random.default_rng(asked.seed)
    people = People(random, asked.users, asked.days)
    texts, names = ids(asked.users), pa.array(list(ACTIVITIES))
    countries, platforms = pa.array(COUNTRIES), pa.array(list(PLATFORMS))
    start = datetime.date.fromisoformat(asked.start)
    epoch = (start - datetime.date(1970, 1, 1)).days
    os.makedirs(asked.out, exist_ok=True)
    writer, month, total = None, None, 0
    for day in range(asked.days):
        date = start + datetime.timedelta(days=day)
        users, activity, seconds, value = day_of(random, people, day, date.weekday() >= 5)
        if month != (month := date.strftime("%Y-%m")):
            if writer:
                writer.close()
            path = os.path.join(asked.out, f"events-{month}.parquet")
            coded = ["activity", "country", "platform"]
            writer = pq.ParquetWriter(path, SCHEMA, compression="zstd", use_dictionary=coded)
        times = (epoch + day) * DAY_MS + (seconds * 1_000).astype(np.int64)
        uid = pa.array(users)
        columns = [
            texts.take(uid), uid, names.take(pa.array(activity)),
            pa.array(times, pa.timestamp("ms", tz="UTC")), pa.array(value, from_pandas=True),
            countries.take(pa.array(people.country[users])),
            platforms.take(pa.array(people.platform[users])),
        ]
        writer.write_table(pa.table(columns, schema=SCHEMA), row_group_size=1 << 20)
        total += len(users)
    writer.close()
    print(f"{total} events of {asked.users} users on {asked.days} days")


if __name__ == "__main__":
    main()
