// A small shop whose figures plain loops can tell.

export const HOSTILE = '<img src=x onerror=alert(1)>';
export const COUNTRIES = [
  'DE',
  HOSTILE,
  '__proto__',
  '日本',
  'مصر',
  '"quoted" & \'single\'',
  `long ${'x'.repeat(300)}`,
  'a\u202eevil',
];
const FIRST = Date.UTC(2024, 0, 1);
const DAY = 86_400_000;
/** Nine whole weeks from a Monday, and the first day of a tenth. */
export const days = 64;
const USERS = 60;

/** The same number for the same place, and no pattern in it. */
function dice(...places) {
  let seed = places.reduce(
    (sum, place, at) => sum + (place + 1) * [73_856_093, 19_349_663, 83_492_791][at],
    7,
  );
  seed = Math.imul(seed ^ (seed >>> 15), 2_246_822_519);
  seed = Math.imul(seed ^ (seed >>> 13), 3_266_489_917);
  return ((seed ^ (seed >>> 16)) >>> 0) / 4_294_967_296;
}

function made() {
  const list = [];
  for (let user = 0; user < USERS; user += 1) {
    const first = Math.floor(dice(user, 1, 1) * 45);
    for (let day = first; day < days; day += 1) {
      if (day === first || dice(user, day, 2) < 0.2) list.push(...visit(user, day));
    }
  }
  return list.sort((a, b) => (a.time < b.time ? -1 : 1));
}

function visit(user, day) {
  const common = { user: `user ${user}`, country: COUNTRIES[user % COUNTRIES.length] };
  const at = (minutes) =>
    new Date(FIRST + day * DAY + (9 * 60 + user + minutes) * 60_000).toISOString();
  const list = [{ ...common, activity: 'visit', time: at(0) }];
  if (dice(user, day, 3) < 0.6) list.push({ ...common, activity: 'search', time: at(5) });
  if (dice(user, day, 4) < 0.3)
    list.push({
      ...common,
      activity: 'purchase',
      time: at(20),
      price: 5 + Math.floor(dice(user, day, 5) * 80) / 4,
    });
  if (dice(user, day, 6) < 0.04) list.push({ ...common, activity: HOSTILE, time: at(30) });
  return list;
}

export const events = made();

const dayOf = (event) => Math.floor((Date.parse(event.time) - FIRST) / DAY);
const weekOf = (event) => Math.floor(dayOf(event) / 7);
const weeks = Math.ceil(days / 7);

function usersBy(bucketOf, count, list = events) {
  const sets = Array.from({ length: count }, () => new Set());
  for (const event of list) sets[bucketOf(event)].add(event.user);
  return sets;
}

/** The figures that the pages must show, by loops over all events. */
export const oracle = {
  weekStarts: Array.from({ length: weeks }, (_, week) =>
    new Date(FIRST + week * 7 * DAY).toISOString().slice(0, 10),
  ),
  daily: () => usersBy(dayOf, days).map((set) => set.size),
  weekly: () => usersBy(weekOf, weeks).map((set) => set.size),
  growth() {
    const sets = usersBy(weekOf, weeks);
    return sets.map((now, week) => {
      const last = sets[week - 1] ?? new Set();
      const before = new Set(sets.slice(0, week).flatMap((set) => [...set]));
      const count = (from, holds) => [...from].filter(holds).length;
      return {
        active: now.size,
        retained: count(now, (user) => last.has(user)),
        resurrected: count(now, (user) => before.has(user) && !last.has(user)),
        new: count(now, (user) => !before.has(user)),
        churned: count(last, (user) => !now.has(user)),
      };
    });
  },
  retention() {
    const sets = usersBy(weekOf, weeks);
    return sets.map((set, week) => {
      const known = new Set(sets.slice(0, week).flatMap((one) => [...one]));
      const cohort = [...set].filter((user) => !known.has(user));
      return {
        size: cohort.length,
        returned: sets.slice(week).map((later) => cohort.filter((user) => later.has(user)).length),
      };
    });
  },
  funnel(steps, within = 14 * DAY) {
    const reached = steps.map(() => 0);
    for (const user of new Set(events.map((event) => event.user))) {
      const own = events.filter((event) => event.user === user);
      const most = Math.max(
        0,
        ...own.map((entry, at) =>
          entry.activity === steps[0] ? runFrom(own, at, steps, within) : 0,
        ),
      );
      for (let step = 0; step < most; step += 1) reached[step] += 1;
    }
    return reached;
  },
  frequency() {
    const active = new Map();
    for (const event of events)
      active.set(event.user, (active.get(event.user) ?? new Set()).add(dayOf(event)));
    const list = [];
    for (const set of active.values()) list[set.size - 1] = (list[set.size - 1] ?? 0) + 1;
    return Array.from(list, (count) => count ?? 0);
  },
  revenue() {
    const sums = new Map();
    for (const event of events) {
      if (event.price !== undefined)
        sums.set(event.time.slice(0, 7), (sums.get(event.time.slice(0, 7)) ?? 0) + event.price);
    }
    return [...sums.entries()].sort().map(([, sum]) => sum);
  },
};

function runFrom(own, at, steps, within) {
  let step = 1;
  const end = Date.parse(own[at].time) + within;
  for (const event of own.slice(at + 1)) {
    if (step < steps.length && event.activity === steps[step] && Date.parse(event.time) <= end)
      step += 1;
  }
  return step;
}
