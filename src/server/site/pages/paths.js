// Paths: what people do after an event, or before it.

import * as controls from '../controls.js';
import { frame, tip } from '../chart.js';
import { h } from '../dom.js';
import { brief, drawn, full, visible } from '../format.js';
import { panel, refused } from '../panel.js';
import { chosenGroup, nothingFound, rangeOf } from '../parts.js';
import { address, common, event, groupLabel, groups, selector, spoken } from '../query.js';
import { get, getNumber, getOne } from '../state.js';
import { tiles } from '../tiles.js';

const WITHIN = [
  ['5m', '5 minutes'],
  ['30m', '30 minutes'],
  ['2h', '2 hours'],
  ['1d', '1 day'],
  ['7d', '7 days'],
];

const direction = (view) => getOne(view, 'direction', ['start', 'end'], 'start');

export const paths = {
  controls: (view) => [
    controls.range(view, 'day'),
    controls.choice(
      view,
      'direction',
      'Paths that',
      [
        ['start', 'begin with'],
        ['end', 'lead to'],
      ],
      direction(view),
    ),
    controls.event(view, 'event', 'Event', anchor(view)),
    controls.number(view, 'depth', 'Steps', depth(view), 1, 10),
    controls.number(view, 'links', 'Links a step', links(view), 1, 100),
    controls.choice(view, 'within', 'Silence ends it', WITHIN, get(view, 'within', '30m')),
    controls.cohort(view),
    controls.breakdown(view),
    controls.conditions(view),
  ],
  queries: (view) => [
    {
      report: 'paths',
      ...common(view, 'day'),
      [direction(view)]: event(view, 'event', anchor(view)),
      depth: depth(view),
      within: get(view, 'within', '30m'),
      ...groups(view),
      top: links(view),
    },
  ],
  ownEmpty: true,
  draw,
};

const depth = (view) => getNumber(view, 'depth', 4);
const links = (view) => getNumber(view, 'links', 12);

/** The event of the address, or one that sounds like a beginning, or the most frequent. */
function anchor(view) {
  const chosen = get(view, 'event');
  if (chosen !== '' && chosen !== '*') return chosen;
  const names = controls.eventOptions(view.info).map(([one]) => one);
  return (
    names.find((one) =>
      /^(sign_?-?up|register|install|app_open|visit|session_start|page_?view)/i.test(one),
    ) ??
    names[0] ??
    '*'
  );
}

function draw(view, [answer]) {
  if (answer.error) return [refused('Paths', answer.error, 'paths')];
  const { series, tools } = chosenGroup(view, answer);
  if (!series || series.links.length === 0) return [nothingFound(view, 'No paths')];
  const name = spoken(selector(anchor(view)));
  const flow = flowOf(series.links, direction(view), name);
  return [
    tiles(kpis(series.links, name, direction(view))),
    h(
      'div',
      { class: 'panels' },
      panel({
        title: direction(view) === 'start' ? `After ${name}` : `Before ${name}`,
        file: 'paths',
        wide: true,
        tools,
        range: rangeOf(answer),
        note: 'Users who went from one event to the next; grey is where a path ends.',
        plot: {
          option: (theme) => sankey(flow, theme),
          height: Math.max(320, 42 * flow.tallest),
          broad: true,
          label: `Paths ${direction(view) === 'start' ? 'after' : 'before'} ${name}`,
        },
        sheet: sheet(answer, direction(view), name),
      }),
    ),
  ];
}

function kpis(all, name, way) {
  const first = all.filter((link) => link.step === 1);
  const users = first.reduce((sum, link) => sum + link.users, 0);
  const named = first.filter((link) => !link.other && outer(link, way) !== null);
  const best = named.reduce((most, link) => (link.users > (most?.users ?? 0) ? link : most), null);
  const ended = first.find((link) => !link.other && outer(link, way) === null);
  return [
    { label: 'Users in the first step', value: users, note: name },
    best
      ? {
          label: way === 'start' ? 'Most often next' : 'Most often before',
          value: outer(best, way),
          kind: 'text',
          note: `${full(best.users)} users`,
        }
      : null,
    {
      label: way === 'start' ? 'Nothing after it' : 'Nothing before it',
      value: users > 0 ? (ended?.users ?? 0) / users : null,
      kind: 'rate',
      note: `${full(ended?.users ?? 0)} users`,
    },
  ];
}

/** The end of a link that is further from the event. */
const outer = (link, way) => (way === 'start' ? link.to : link.from);

const END = ' end';
const REST = ' rest';

/**
 * The two names of a link. What is left out of a step has none, but all paths hang on the event:
 * the near end of a link of the first step is never unknown.
 */
function endsOf(link, all, way, anchored) {
  if (!link.other) return [link.from, link.to];
  if (link.step > 1) return [REST, REST];
  const near = nearEnd(all, way) ?? anchored;
  return way === 'start' ? [near, REST] : [REST, near];
}

/** The event that all named links of the first step have in common. */
function nearEnd(all, way) {
  const first = all.filter((link) => link.step === 1 && !link.other);
  const names = new Set(first.map((link) => (way === 'start' ? link.from : link.to)));
  return names.size === 1 ? [...names][0] : null;
}

/** Nodes and links of the drawing; a node is an event at a distance from where paths hang. */
export function flowOf(all, way, anchored) {
  const nodes = new Map();
  const drawnLinks = all
    .filter((link) => link.users > 0)
    .map((link) => {
      const near = link.step - 1;
      const ends = endsOf(link, all, way, anchored).map((name) => name ?? END);
      const [source, target] = way === 'start' ? [near, near + 1] : [-near - 1, -near];
      return {
        source: node(nodes, source, ends[0], way),
        target: node(nodes, target, ends[1], way),
        users: link.users,
        link,
      };
    });
  const columns = new Map();
  for (const one of nodes.values()) columns.set(one.at, (columns.get(one.at) ?? 0) + 1);
  return {
    nodes: [...nodes.values()],
    links: drawnLinks,
    tallest: Math.max(...columns.values()),
    names: namesOf(nodes),
  };
}

function node(nodes, at, name, way) {
  const id = `${at}:${name}`;
  if (!nodes.has(id))
    nodes.set(id, {
      id,
      at,
      label: label(name, way),
      ends: name === END,
      rest: name === REST,
      name,
    });
  return id;
}

function label(name, way) {
  if (name === END) return way === 'start' ? 'end' : 'start';
  return name === REST ? 'others' : name;
}

/** A colour per event, the same in every step. */
function namesOf(nodes) {
  const names = [
    ...new Set([...nodes.values()].filter((one) => !one.ends && !one.rest).map((one) => one.name)),
  ];
  return new Map(names.map((name, at) => [name, at]));
}

function colour(one, flow, theme) {
  if (one.ends) return theme.muted;
  if (one.rest) return theme.other;
  return theme.series[(flow.names.get(one.name) ?? 0) % theme.series.length];
}

function sankey(flow, theme) {
  const byId = new Map(flow.nodes.map((one) => [one.id, one]));
  const least = Math.min(...flow.nodes.map((one) => one.at));
  return {
    ...frame(theme),
    tooltip: {
      ...frame(theme).tooltip,
      trigger: 'item',
      formatter: (item) => said(item, byId, flow, theme),
    },
    series: [
      {
        type: 'sankey',
        left: 8,
        right: 150,
        top: 12,
        bottom: 12,
        nodeWidth: 12,
        nodeGap: 14,
        draggable: false,
        layoutIterations: 48,
        emphasis: { focus: 'adjacency' },
        data: flow.nodes.map((one) => ({
          name: one.id,
          depth: one.at - least,
          itemStyle: { color: colour(one, flow, theme), borderWidth: 0 },
        })),
        links: flow.links.map((one) => ({
          source: one.source,
          target: one.target,
          value: one.users,
        })),
        lineStyle: { color: 'source', opacity: 0.24, curveness: 0.5 },
        label: {
          color: theme.text,
          fontSize: 11.5,
          formatter: (item) => nodeLabel(item, byId),
        },
      },
    ],
  };
}

function nodeLabel(item, byId) {
  const one = byId.get(item.name);
  return one ? `${drawn(one.label, fitting(one.label))}  ${brief(item.value)}` : '';
}

const ROOM = 20;

/** How many of a name's letters there is room for: those of east Asia are twice as wide. */
function fitting(label) {
  let room = ROOM;
  const over = [...visible(label)].findIndex((letter) => {
    room -= letter.codePointAt(0) >= 0x1100 ? 2 : 1;
    return room < 0;
  });
  return over < 0 ? ROOM : Math.max(over, 1);
}

function said(item, byId, flow, theme) {
  const name = (id) => byId.get(id)?.label ?? '';
  const data = item.data;
  const one = byId.get(item.dataType === 'edge' ? data.source : item.name);
  const title =
    item.dataType === 'edge' ? `${name(data.source)} → ${name(data.target)}` : name(item.name);
  return tip(title, [
    {
      label: 'Users',
      value: item.value,
      colour: one ? colour(one, flow, theme) : theme.other,
      kind: 'count',
    },
  ]);
}

function sheet(answer, way, anchored) {
  const several = answer.series.length > 1;
  const end = (name, none) => (name === REST ? 'others' : (name ?? none));
  const rows = answer.series.flatMap((one) =>
    one.links.map((link) => {
      const [from, to] = endsOf(link, one.links, way, anchored);
      return [
        String(link.step),
        ...(several ? [groupLabel(one)] : []),
        end(from, '(start)'),
        end(to, '(end)'),
        link.users,
      ];
    }),
  );
  return {
    caption: 'Links of the paths',
    rows,
    columns: [
      { label: 'Step', kind: 'text' },
      ...(several ? [{ label: 'Group', kind: 'text' }] : []),
      { label: 'From', kind: 'text' },
      { label: 'To', kind: 'text' },
      { label: 'Users' },
    ],
  };
}
