// Civil dates as texts, YYYY-MM-DD, and how buckets are called.

const DAY_MS = 86_400_000;

/** @param {string} date @returns {number} days since 1970 */
function dayNumber(date) {
  return Math.round(Date.parse(`${date.slice(0, 10)}T00:00:00Z`) / DAY_MS);
}

/** The date so many days later. */
export function plusDays(date, days) {
  return new Date((dayNumber(date) + days) * DAY_MS).toISOString().slice(0, 10);
}

/** Whether a text is a date of the calendar. */
export function isDate(text) {
  const time = Date.parse(`${text}T00:00:00Z`);
  return (
    /^\d{4}-\d{2}-\d{2}$/.test(text) &&
    !Number.isNaN(time) &&
    new Date(time).toISOString().startsWith(text)
  );
}

/** Days of the data, first and last ones included; 0 without any. */
export function span(info) {
  if (!info.first_day || !info.last_day) return 0;
  return dayNumber(info.last_day) - dayNumber(info.first_day) + 1;
}

const formats = new Map();

function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) {
    formats.set(key, new Intl.DateTimeFormat(undefined, { timeZone: 'UTC', ...options }));
  }
  return formats.get(key);
}

const SHAPES = {
  day: { day: 'numeric', month: 'short' },
  week: { day: 'numeric', month: 'short' },
  month: { month: 'short', year: 'numeric' },
  year: { year: 'numeric' },
};

/**
 * A bucket's start for an axis or a sentence.
 * @param {string} start as in an answer
 * @param {string} by
 * @param {{start: string}[]} [among] the axis: a year is named where there are several
 */
export function bucketLabel(start, by, among = []) {
  if (by === 'hour') return `${short(start)} ${start.slice(11, 16)}`;
  if (by === 'quarter')
    return `Q${Math.floor((Number(start.slice(5, 7)) - 1) / 3) + 1} ${start.slice(0, 4)}`;
  const years = (among[0]?.start ?? '').slice(0, 4) !== (among.at(-1)?.start ?? '').slice(0, 4);
  const year = years && (by === 'day' || by === 'week') ? { year: '2-digit' } : {};
  return format({ ...(SHAPES[by] ?? SHAPES.day), ...year }).format(utc(start));
}

/** The same with the year, and saying that a week is one. */
export function bucketTitle(start, by) {
  if (by === 'day' || by === 'week') {
    const shape = { ...SHAPES.day, year: 'numeric', ...(by === 'day' ? { weekday: 'short' } : {}) };
    return `${by === 'week' ? 'Week of ' : ''}${format(shape).format(utc(start))}`;
  }
  return bucketLabel(start, by);
}

function short(start) {
  return format(SHAPES.day).format(utc(start));
}

function utc(start) {
  return new Date(`${start.slice(0, 10)}T00:00:00Z`);
}

/** A day in words. */
export function dayTitle(date) {
  return format({ day: 'numeric', month: 'short', year: 'numeric' }).format(utc(date));
}

/** An instant in a zone, to the minute. */
export function instantTitle(instant, zone) {
  const options = { dateStyle: 'medium', timeStyle: 'short' };
  try {
    return new Intl.DateTimeFormat(undefined, { ...options, timeZone: zone }).format(
      new Date(instant),
    );
  } catch {
    return instant;
  }
}

/** The plural of a bucket, or `days` for what has none. */
export function plural(by) {
  return by === 'all' ? 'ranges' : `${by}s`;
}
