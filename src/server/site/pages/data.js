// Data: what the database holds.

import * as controls from '../controls.js';
import { dayTitle, instantTitle } from '../dates.js';
import { h, name as named } from '../dom.js';
import { bytes, full } from '../format.js';
import { panel, refused } from '../panel.js';
import { byGroup, overBuckets, rangeOf } from '../parts.js';
import { timePlot } from '../plots.js';
import { common, event, groups } from '../query.js';
import { bucket, get } from '../state.js';
import { tiles } from '../tiles.js';

const BUCKETS = ['hour', 'day', 'week', 'month', 'quarter', 'year'];
const bucketOf = (view) => bucket(view, BUCKETS, [3, 120, Infinity, Infinity]);

export const data = {
  controls: (view) =>
    view.info.events === 0
      ? []
      : [
          controls.range(view, bucketOf(view)),
          controls.by(view, BUCKETS, bucketOf(view)),
          controls.event(view, 'event', 'Event', get(view, 'event', '*')),
          controls.cohort(view),
          controls.breakdown(view),
          controls.conditions(view),
        ],
  queries: (view) =>
    view.info.events === 0
      ? []
      : [
          {
            report: 'value',
            ...common(view, bucketOf(view)),
            by: bucketOf(view),
            event: event(view),
            measure: 'events',
            ...groups(view),
          },
        ],
  ownEmpty: true,
  draw,
};

function draw(view, [answer]) {
  const info = view.info;
  return [
    tiles(kpis(info)),
    h(
      'div',
      { class: 'panels' },
      answer ? volume(answer, bucketOf(view)) : null,
      activities(info),
      settings(info),
      h(
        'div',
        { class: 'column' },
        names(
          'Properties',
          'properties',
          (info.properties ?? []).map((one) => one.name ?? one),
          'Names seen on the newest days.',
          'No event of the newest days has a property.',
        ),
        names(
          'Saved cohorts',
          'cohorts',
          (info.cohorts ?? []).map((one) => one.name ?? one),
          'Sets of users that queries name.',
          'None is saved. Save one while the server is stopped: ' +
            'daybit cohort save DB regulars \'{"did": "*", "at_least": 3}\'',
        ),
        rejects(info),
      ),
    ),
  ];
}

function kpis(info) {
  const newest = info.watermark ? instantTitle(info.watermark, info.time_zone) : '';
  return [
    {
      label: 'Events',
      value: info.events,
      note: info.events_without_user > 0 ? `${full(info.events_without_user)} without a user` : '',
    },
    { label: 'Users', value: info.users },
    {
      label: 'Days',
      value: info.days,
      note: info.first_day ? `${dayTitle(info.first_day)} to ${dayTitle(info.last_day)}` : '',
    },
    { label: 'On disk', value: bytes(info.bytes), kind: 'text', note: `${full(info.files)} files` },
    {
      label: 'Newest event',
      value: info.last_day ? dayTitle(info.last_day) : '–',
      kind: 'text',
      note: info.watermark ? `${newest} (${info.time_zone})` : '',
    },
  ];
}

function volume(answer, by) {
  if (answer.error) return refused('Events', answer.error, 'events');
  const series = byGroup(answer, 'Events', (one) => one.value, { type: 'bar' });
  return panel({
    title: `Events per ${by}`,
    file: 'events',
    wide: true,
    range: rangeOf(answer),
    plot: timePlot(answer.buckets, by, series, {
      stack: true,
      height: 220,
      label: `Events per ${by}`,
    }),
    sheet: overBuckets('Events', answer.buckets, series),
  });
}

function activities(info) {
  if (info.events === 0) return noActivities();
  const sorted = [...(info.activities ?? [])].sort((a, b) => b.events - a.events);
  const rows = sorted.map((one) => [
    one.name,
    one.events,
    info.events > 0 ? one.events / info.events : null,
    one.user_days,
    one.events_without_user,
  ]);
  return panel({
    title: 'Activities',
    file: 'activities',
    wide: true,
    open: true,
    note: 'A user-day is a user active on a day.',
    sheet: {
      caption: 'Activities',
      rows,
      columns: [
        { label: 'Activity', kind: 'text' },
        { label: 'Events' },
        { label: 'Share', kind: 'rate' },
        { label: 'User-days' },
        { label: 'Without a user' },
      ],
    },
  });
}

function noActivities() {
  const said = 'None yet: send events or a file to the server.';
  const body = h('p', { class: 'note' }, said);
  return panel({ title: 'Activities', file: 'activities', wide: true, body });
}

function settings(info) {
  const server = info.server ?? {};
  const day = (date) => (date ? dayTitle(date) : null);
  const facts = [
    ['Database', info.database],
    ['Access', info.read_only ? 'read only' : 'read and write'],
    ['Time zone', info.time_zone],
    ['Created', info.created ? instantTitle(info.created, info.time_zone) : null],
    ['File format', info.format_version],
    ['Written by', info.written_by],
    ['Zone rules', info.zone_rules],
    ['Day files', full(info.day_files)],
    ['Bytes', full(info.bytes)],
    ['Rows kept from', day(info.rows_from)],
    ['Days kept from', day(info.days_from)],
    ['Server', server.version ? `daybit ${server.version}` : null],
    ['Running since', server.started ? instantTitle(server.started, info.time_zone) : null],
    ['Damaged days', (info.damaged_days ?? []).length > 0 ? info.damaged_days.join(', ') : 'none'],
  ].filter(([, value]) => value !== null && value !== undefined && value !== '');
  return panel({
    title: 'Settings',
    file: 'settings',
    body: h(
      'dl',
      { class: 'facts' },
      facts.map(([label, value]) => [h('dt', {}, label), h('dd', {}, h('bdi', {}, value))]),
    ),
  });
}

function names(title, file, list, note, none) {
  return panel({
    title,
    file,
    note,
    body:
      list.length > 0
        ? h(
            'ul',
            { class: 'taglist' },
            list.map((one) => h('li', {}, named(one))),
          )
        : h('p', { class: 'note' }, none),
  });
}

function rejects(info) {
  const server = info.server ?? {};
  const last = server.last_rejects ?? [];
  const title = 'Rejected rows';
  const note = `${full(server.rejected ?? 0)} since the server started.`;
  if (last.length === 0)
    return panel({
      title,
      file: 'rejects',
      note,
      body: h(
        'p',
        { class: 'note' },
        'Nothing was turned away. Rows that are appear here with their reason.',
      ),
    });
  return panel({
    title,
    file: 'rejects',
    wide: true,
    open: true,
    note: `${note} The last ${full(last.length)}:`,
    sheet: {
      caption: title,
      columns: [{ label: 'At', kind: 'text' }, { label: 'Row' }, { label: 'Reason', kind: 'text' }],
      rows: last.map((one) => [one.at, one.row ?? null, one.reason]),
    },
  });
}
