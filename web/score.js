// The scorer's view: what the issues hold, which blocks recur, and what could not be read.

import { $, bytesText, count, download, droppable, fileBytes, fill, h, ownFile, prose } from './dom.js';
import { ask } from './engine.js';

/** Rows drawn at once. */
const PAGE = 25;
/** What the blocks can be narrowed to; the first that holds anything is shown first. */
const LEVELS = ['ranked', '/64', '/56', '/48', '/32', '/128', 'asn', 'provider'];
const LEVEL_NAMES = { ranked: 'Ranked', asn: 'Network', provider: 'Provider' };

const state = { report: null, json: '', level: '/64', sort: null, limit: PAGE, explained: false, run: 0 };

export function startScore() {
  $('feed-open').addEventListener('click', () => $('feed-file').click());
  $('feed-file').addEventListener('change', ({ target }) => { opened([...target.files]); target.value = ''; });
  $('feed-sample').addEventListener('click', () => samples((names) => names.filter((name) => name.includes('2026-05'))));
  $('feed-twelve').addEventListener('click', () => samples((names) => names));
  droppable($('score'), opened);
}

async function samples(choose) {
  const names = JSON.parse(new TextDecoder().decode(await ownFile('samples/issues.json')));
  score(await Promise.all(choose(names).map(async (name) => ({ name, bytes: await ownFile(`samples/${name}`) }))));
}

async function opened(files) {
  if (files.length === 0) return;
  const read = await Promise.all(files.map(fileBytes));
  read.sort((a, b) => (a.name < b.name ? -1 : 1));
  score(read);
}

const fits = (block, level) => (level === 'ranked' ? block.class === 'ranked' : block.level === level);

async function score(files) {
  state.run += 1;
  const run = state.run;
  const place = $('scored');
  place.setAttribute('aria-busy', 'true');
  fill(place, h('p.empty', `Reading ${count(files.length, 'file')}, ${bytesText(files.reduce((sum, file) => sum + file.bytes.length, 0))}…`));
  try {
    const json = await ask('score', { files });
    if (run !== state.run) return;
    Object.assign(state, { json, report: JSON.parse(json), sort: null, limit: PAGE });
    state.level = LEVELS.find((level) => state.report.blocks.some((block) => fits(block, level))) ?? '/64';
    draw();
  } catch (error) {
    if (run === state.run) fill(place, h('p.notice.bad', { role: 'alert' }, h('strong', 'This could not be read. '), error.message));
  } finally {
    if (run === state.run) place.setAttribute('aria-busy', 'false');
  }
}

function draw() {
  const { report } = state;
  const accepted = sum(report.inputs.map((input) => input.accepted));
  const rejected = sum(report.inputs.map(rejectedCount));
  fill($('scored'),
    h('div.figures',
      figure(accepted, 'indicators accepted', 'accepted'),
      figure(rejected, 'rows rejected', 'rejected'),
      figure(report.inputs.length, report.inputs.length === 1 ? 'issue read' : 'issues read'),
      figure(report.blocks.filter((block) => block.class === 'ranked').length, 'blocks ranked', 'ranked'),
      h('div.figure-action', h('button', { type: 'button', onclick: () => download('adproof-score.json', state.json) }, 'Download JSON'))),
    h('p.notice', h('strong', 'Read this first. '), 'Every entry is its publisher’s opinion. A block that recurs was listed again and again; that alone says nothing about who uses it, and nothing here is a reason to block anybody.'),
    lessons(report),
    h('section.blocks', { id: 'blocks', 'aria-label': 'Blocks' }),
    h('div.pair',
      counts('Types', ['Type', 'Class', 'Indicators'], report.fraud_types.map((row) => [h('code', row.type), row.ivt_class, row.indicators])),
      counts('Providers', ['Provider', 'Indicators'], report.providers.map((row) => [row.name, row.indicators]))),
    inputs(report),
    rejects(report, 'rejected', 'Rejected rows', 'Nothing is dropped in silence: each row that was not used, and why.'),
    rejects(report, 'notes', 'Cells set aside', 'Their rows were used without them.'));
  drawBlocks();
}

const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const rejectedCount = (input) => input.rejected_total;

const figure = (number, words, id) => h('div.figure', id ? { 'data-figure': id } : {}, h('strong', number.toLocaleString('en')), h('span', words));

/** Why a block is not put in order. */
const BECAUSE = {
  one_issue: 'One issue cannot show that anything comes back.',
  self_declared: 'Its entries are crawlers that name themselves; that says nothing against a network.',
  explained: 'A narrower block inside it explains what was listed.',
  no_exposure: 'So wide a block is ranked only against your own traffic, which is not here.',
  chance: 'It came back no more often than chance allows.',
  no_excess: 'It holds no more than its share of your traffic explains.',
  rank_unclear: 'Its place could be almost anywhere in the table.',
};

/** What the terms of the log-odds come from. */
const TERMS = { root: 'before any issue', provider: 'rest of the provider', asn: 'rest of the network', recurrence: 'its own issues', dispersion: 'dispersion', excess: 'your own traffic' };

/** What the class of the blocks means, in words. */
function lessons(report) {
  const ranked = report.blocks.filter((block) => block.class === 'ranked').length;
  const issues = report.window.length;
  if (report.blocks.length === 0) return h('p.lesson', 'No indicator was accepted, so there is nothing to score. What was rejected, and why, stands below.');
  if (ranked === 0) {
    return h('p.lesson', h('strong', 'Insufficient. '), issues <= 1
      ? 'One issue shows what was listed, not what comes back. Nothing is put in order until there are more issues: add the weeks before it.'
      : `${count(issues, 'issue')} are not enough to tell these blocks apart. Nothing is put in order.`);
  }
  return h('p.lesson', h('strong', `${count(ranked, 'block')} can be ranked. `), 'The others were not seen often enough to be told apart; they are listed without an order. A wide block that a narrow one explains says so.');
}

function counts(title, heads, rows) {
  const body = rows.map((row, index) => h('tr', { hidden: index >= 10 }, row.map((cell, i) => h(i === row.length - 1 ? 'td.number' : 'td', typeof cell === 'number' ? cell.toLocaleString('en') : cell))));
  const all = rows.length > 10 && h('p', h('button.small', {
    type: 'button',
    onclick: ({ target }) => {
      for (const row of body) row.hidden = false;
      target.parentElement.remove();
    },
  }, `Show all ${rows.length}`));
  return h('section', h('h2', title),
    h('div.scroll', h('table', h('thead', h('tr', heads.map((head, i) => h(i === heads.length - 1 ? 'th.number' : 'th', { scope: 'col' }, head)))), h('tbody', body))), all);
}

// Blocks.

const percent = (ppm) => `${(ppm / 10_000).toFixed(1)} %`;

const SORTS = {
  indicators: (block) => block.indicators,
  seen: (block) => block.issues_seen,
  recurrence: (block) => block.recurrence_ppm,
};

function drawBlocks() {
  const { report } = state;
  const here = report.blocks.filter((block) => fits(block, state.level));
  // A block that a narrower one explains entirely says nothing of its own.
  const wanted = here.filter((block) => state.explained || block.class === 'ranked' || block.explained_by === null || block.issues_unexplained > 0);
  const hidden = here.length - wanted.length;
  const rows = state.sort ? [...wanted].sort((a, b) => SORTS[state.sort](b) - SORTS[state.sort](a)) : wanted;
  const top = scaleTop(rows);
  const body = rows.slice(0, state.limit).flatMap((block, index) => blockRows(block, index, top));
  const rest = rows.length - Math.min(rows.length, state.limit);
  fill($('blocks'),
    h('div.blocks-head',
      h('h2', 'Blocks'),
      h('div.levels', { role: 'group', 'aria-label': 'Level' }, LEVELS.map((level) => {
        const number = report.blocks.filter((block) => fits(block, level)).length;
        return number > 0 && h('button', { type: 'button', 'aria-pressed': String(level === state.level), onclick: () => { state.level = level; state.limit = PAGE; drawBlocks(); $('blocks').querySelector('[aria-pressed="true"]')?.focus(); } },
          LEVEL_NAMES[level] ?? level, h('span.n', number.toLocaleString('en')));
      })),
      (hidden > 0 || state.explained) && h('label.check', h('input', { type: 'checkbox', checked: state.explained, onchange: ({ target }) => { state.explained = target.checked; drawBlocks(); } }), `Show what a narrower block explains${hidden > 0 ? ` (${hidden})` : ''}`)),
    rows.length === 0
      ? h('p.empty', 'Every block of this level is explained by a narrower one.')
      : h('div.scroll', h('table.block-table',
        h('caption.hidden', `Blocks of level ${state.level}`),
        h('thead', h('tr',
          h('th', { scope: 'col' }, 'Block'),
          h('th', { scope: 'col' }, 'Provider'),
          sortable('indicators', 'Indicators'),
          sortable('seen', 'Issues'),
          sortable('recurrence', 'Recurrence', h('span.scale', { 'aria-hidden': 'true' }, h('span', '0'), h('span', percent(top).replace('.0', '')))),
          h('th', { scope: 'col' }, h('span.hidden', 'Details')))),
        h('tbody', body))),
    rest > 0 && h('p.more', h('button', { type: 'button', onclick: () => { state.limit += PAGE; drawBlocks(); } }, `Show ${Math.min(PAGE, rest)} more of ${rest.toLocaleString('en')}`)),
    rows.length > 0 && h('p.legend', { 'aria-hidden': 'true' }, svgBar({ recurrence_ppm: 300_000, mean_ppm: 500_000, high_ppm: 800_000, attainable_ppm: 950_000, class: 'ranked' }, 1_000_000), 'from the 5 % to the 95 % quantile; the dot is the mean, the tick is the most that this many issues could reach'));
}

function sortable(key, ...words) {
  const on = state.sort === key;
  return h(`th.number.sort-${key}`, { scope: 'col', 'aria-sort': on ? 'descending' : 'none' },
    h('button.sort', { type: 'button', onclick: () => { state.sort = on ? null : key; drawBlocks(); $('blocks').querySelector(`.sort-${key} button`)?.focus(); } }, words[0], h('span.arrow', { 'aria-hidden': 'true' }, on ? '↓' : '')),
    words.slice(1));
}

/** The right end of the axis: the next tenth above what is drawn. */
function scaleTop(rows) {
  const most = rows.reduce((max, block) => Math.max(max, block.high_ppm, block.attainable_ppm), 100_000);
  return Math.min(1_000_000, Math.ceil(most / 100_000) * 100_000);
}

function svgBar(block, top) {
  const x = (ppm) => 4 + (Math.min(ppm, top) / top) * 152;
  return h(`svg.bar.${block.class}`, { viewBox: '0 0 160 16', width: 160, height: 16, 'aria-hidden': 'true' },
    h('line.axis', { x1: 4, x2: 156, y1: 8, y2: 8 }),
    h('line.most', { x1: x(block.attainable_ppm), x2: x(block.attainable_ppm), y1: 3, y2: 13 }),
    h('rect.range', { x: x(block.recurrence_ppm), y: 5, width: Math.max(2, x(block.high_ppm) - x(block.recurrence_ppm)), height: 6, rx: 3 }),
    h('circle.mean', { cx: x(block.mean_ppm), cy: 8, r: 3.5 }));
}

function blockRows(block, index, top) {
  const detail = h('tr.detail', { id: `detail-${index}`, hidden: true }, h('td', { colspan: 6 }, details(block)));
  const toggle = h('button.small.quiet', {
    type: 'button',
    'aria-expanded': 'false',
    'aria-controls': `detail-${index}`,
    'aria-label': `Why ${block.block} has this number`,
    onclick: ({ currentTarget }) => {
      detail.hidden = !detail.hidden;
      currentTarget.setAttribute('aria-expanded', String(!detail.hidden));
    },
  }, 'Why');
  const ranked = block.class === 'ranked';
  return [h(`tr.${block.class}`, { 'data-block': block.block },
    h('th', { scope: 'row' }, block.level === 'provider' ? block.block : h('code', block.block), block.family !== 'SIVT' && h('span.family', block.family)),
    h('td.provider', block.level === 'provider' ? '–' : block.provider ?? '–', block.asn ? h('span.asn', ` AS${block.asn}`) : null),
    h('td.number.count', block.indicators.toLocaleString('en')),
    h('td.number.seen', `${block.issues_seen} of ${block.issues}`),
    h('td.recurrence', svgBar(block, top), ranked
      ? h('span.value', percent(block.recurrence_ppm), h('span.hidden', `, mean ${percent(block.mean_ppm)}, 95 % quantile ${percent(block.high_ppm)}`))
      : h('span.value.not', 'insufficient')),
    h('td.toggle', toggle)), detail];
}

function details(block) {
  const terms = block.contributions;
  const most = terms.reduce((max, term) => Math.max(max, Math.abs(term.millinats)), 1);
  return h('div.why',
    h('div',
      h('p', `Listed in ${block.issues_seen} of ${count(block.issues, 'issue')} with ${count(block.indicators, 'indicator')}. `,
        block.class === 'ranked'
          ? `With 95 % probability it recurs at ${percent(block.recurrence_ppm)} or more; the mean is ${percent(block.mean_ppm)}, and ${percent(block.attainable_ppm)} is the most that this many issues could show.`
          : `${BECAUSE[block.insufficient_because] ?? 'That is not enough to say how often it comes back.'} Anything from ${percent(block.recurrence_ppm)} to ${percent(block.high_ppm)} fits.`),
      block.class === 'ranked' && h('p', `Its place among the ${block.ranked_among} blocks of its level: between ${block.rank[0]} and ${block.rank[1]}, at 90 %.`),
      block.explained_by && h('p', block.issues_unexplained === 0 ? 'Explained by ' : 'Explained for the most part by ', h('code', block.explained_by), ', which lies inside it.')),
    h('table.terms',
      h('caption', 'What makes up the log-odds of the mean, in thousandths of a nat'),
      h('tbody', terms.map((term) => h('tr',
        h('th', { scope: 'row' }, TERMS[term.term] ?? `rest of the ${term.term}`),
        h('td', h('svg.term', { viewBox: '-50 0 100 10', width: 100, height: 10, 'aria-hidden': 'true' },
          h(`rect.${term.millinats < 0 ? 'less' : 'more'}`, { x: Math.min(0, (term.millinats / most) * 48), y: 2, width: Math.abs((term.millinats / most) * 48), height: 6 }),
          h('line.axis', { x1: 0, x2: 0, y1: 0, y2: 10 }))),
        h('td.number', term.millinats.toLocaleString('en', { signDisplay: 'exceptZero' })))),
      h('tr.total', h('th', { scope: 'row' }, 'sum'), h('td'), h('td.number', sum(terms.map((term) => term.millinats)).toLocaleString('en', { signDisplay: 'exceptZero' }))))));
}

// What was read.

const inputs = (report) => h('section', h('h2', 'Issues'),
  h('div.scroll', h('table.files', h('thead', h('tr', h('th', { scope: 'col' }, 'File'), h('th', { scope: 'col' }, 'Issue'), h('th.number', { scope: 'col' }, 'Rows'), h('th.number', { scope: 'col' }, 'Accepted'), h('th.number', { scope: 'col' }, 'Rejected'), h('th', { scope: 'col' }, 'SHA-256'))),
    h('tbody', report.inputs.map((input) => h('tr', h('td', input.path), h('td', input.issue), h('td.number', input.rows), h('td.number', input.accepted), h('td.number', rejectedCount(input)), h('td', h('code.digest', { title: input.sha256 }, `${input.sha256.replace('sha256:', '').slice(0, 16)}…`))))))));

function rejects(report, key, title, words) {
  const rows = report.inputs.flatMap((input) => input[key].map((reject) => ({ ...reject, path: input.path })));
  if (rows.length === 0) return null;
  const shown = rows.slice(0, 200);
  const more = sum(report.inputs.map((input) => input[`${key}_total`])) - shown.length;
  return h(`section.${key}`, h('h2', title),
    h('p.sub', words),
    h('div.scroll', h('table.rejects.files', h('thead', h('tr', h('th', { scope: 'col' }, 'File'), h('th.number', { scope: 'col' }, 'Row'), h('th', { scope: 'col' }, 'Column'), h('th', { scope: 'col' }, 'Value'), h('th', { scope: 'col' }, 'Reason'))),
      h('tbody', shown.map((reject) => h('tr', h('td', reject.path), h('td.number', reject.row), h('td.column', reject.column ?? '–'), h('td', h('code', reject.value ?? '')), h('td', prose(reject.reason))))))),
    more > 0 && h('p.sub', `${count(more, 'more row')} in the JSON.`));
}
