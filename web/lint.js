// The linter's view: a text area over a listing that shows where each finding lies.

import { $, bytesText, copy, count, download, droppable, fileBytes, fill, h, ownFile, prose } from './dom.js';
import { ask } from './engine.js';
import { decode, lines, locate, utf8Width } from './text.js';

/** Beyond this a browser's text area is no pleasure; findings then quote their lines. */
const MAX_SHOWN = 300_000;
/** Cards drawn at once. */
const PAGE = 100;
const SEVERITIES = ['error', 'warning', 'info'];
const WORDS = { error: 'error', warning: 'warning', info: 'note' };
const AXES = {
  spec: 'against the specification',
  interop: 'legal, but players fail on it',
  policy: 'a platform’s wish',
  risk: 'security or invalid traffic',
  limit: 'a bound was reached',
};

const state = {
  name: 'tag.xml', bytes: new Uint8Array(), width: utf8Width, encoding: 'utf-8',
  lines: [], shown: true, report: null, json: '', run: 0, hidden: new Set(), limit: PAGE,
};
let rules = new Map();
let timer = 0;

export function startLint() {
  const text = $('tag-text');
  text.addEventListener('input', () => typed(text.value));
  for (const event of ['keyup', 'click']) text.addEventListener(event, followCaret);
  $('tag-open').addEventListener('click', () => $('tag-file').click());
  $('tag-file').addEventListener('change', ({ target }) => { opened([...target.files]); target.value = ''; });
  $('tag-sample').addEventListener('click', async () => load('tag.xml', await ownFile('samples/tag.xml')));
  $('tag-clear').addEventListener('click', () => { load('tag.xml', new Uint8Array()); text.focus(); });
  $('tag-copy').addEventListener('click', ({ target }) => copy(target, asText()));
  $('tag-json').addEventListener('click', () => download('adproof-lint.json', state.json));
  droppable($('tag-drop'), opened);
  draw();
  ask('rules').then((json) => {
    rules = new Map(JSON.parse(json).rules.map((rule) => [rule.id, rule]));
    drawFindings();
  }, () => {});
}

async function opened([file]) {
  if (!file) return;
  const { name, bytes } = await fileBytes(file);
  load(name, bytes);
}

/** A file: its own bytes are linted, whatever the text area makes of them. */
function load(name, bytes) {
  const { text, width, encoding } = decode(bytes);
  Object.assign(state, { name, bytes, width, encoding });
  state.shown = text.length <= MAX_SHOWN;
  state.lines = lines(text, width);
  $('tag-text').value = state.shown ? text : '';
  $('editor').hidden = !state.shown;
  $('tag-large').hidden = state.shown;
  if (!state.shown) fill($('tag-large'), `${name} has ${bytesText(bytes.length)}, too much to edit here. Each finding quotes its line.`);
  state.report = null;
  draw();
  lint();
}

function typed(text) {
  Object.assign(state, { bytes: new TextEncoder().encode(text), width: utf8Width, encoding: 'utf-8' });
  state.lines = lines(text, utf8Width);
  drawSource();
  clearTimeout(timer);
  timer = setTimeout(lint, 80);
}

async function lint() {
  clearTimeout(timer);
  state.run += 1;
  const run = state.run;
  $('tag-clear').hidden = state.bytes.length === 0;
  if (state.bytes.length === 0) {
    state.report = null;
    draw();
    return;
  }
  $('findings').setAttribute('aria-busy', 'true');
  try {
    const json = await ask('lint', { bytes: state.bytes, options: { name: state.name } });
    if (run !== state.run) return;
    state.json = json;
    state.report = report(JSON.parse(json));
    state.limit = PAGE;
    draw();
  } catch (error) {
    if (run === state.run) fill($('tag-verdict'), h('p.notice.bad', error.message));
  } finally {
    if (run === state.run) $('findings').setAttribute('aria-busy', 'false');
  }
}

/** The one document of the answer, its findings with their place in the lines. */
function report(answer) {
  const [document] = answer.documents;
  const findings = document.findings.map((finding, index) => {
    const from = locate(state.lines, state.width, finding.span.start);
    const to = locate(state.lines, state.width, finding.span.end);
    const line = state.lines[from.line];
    const end = to.line === from.line ? to.column : line.text.trimEnd().length;
    return { ...finding, index, at: from, end: Math.max(end, from.column) };
  });
  return { ...document, findings, summary: answer.summary };
}

function draw() {
  drawSource();
  drawVerdict();
  drawFindings();
}

// The listing.

function drawSource() {
  if (!state.shown) return;
  const marks = new Map();
  for (const finding of state.report?.findings ?? []) {
    const of = marks.get(finding.at.line) ?? [];
    of.push(finding);
    marks.set(finding.at.line, of);
  }
  const rows = state.lines.length === 0 ? [{ text: '' }] : state.lines;
  const digits = String(rows.length).length;
  $('editor').dataset.digits = String(Math.max(2, Math.min(digits, 6)));
  $('backdrop').replaceChildren(...rows.map((line, index) => sourceLine(line.text, marks.get(index))));
}

function sourceLine(text, marks) {
  if (!marks) return h('div.line', text === '' ? '\u200b' : text);
  const worst = SEVERITIES.find((severity) => marks.some((mark) => mark.severity === severity));
  const row = h(`div.line.has-${worst}`);
  const cuts = new Set([0, text.length]);
  for (const mark of marks) {
    cuts.add(Math.min(mark.at.column, text.length));
    cuts.add(Math.min(mark.end, text.length));
  }
  const ends = [...cuts].sort((a, b) => a - b);
  for (let i = 1; i < ends.length; i += 1) {
    const piece = text.slice(ends[i - 1], ends[i]);
    const over = marks.filter((mark) => mark.at.column <= ends[i - 1] && mark.end >= ends[i]);
    const severity = SEVERITIES.find((each) => over.some((mark) => mark.severity === each));
    row.append(severity ? h(`mark.${severity}`, piece) : piece);
  }
  if (text === '') row.append('\u200b');
  return row;
}

// The findings.

function drawVerdict() {
  const { report: got } = state;
  $('tag-tail').hidden = !got;
  if (!got) {
    fill($('tag-facts'));
    fill($('tag-verdict'), h('p.empty', state.bytes.length === 0 ? 'Findings appear here, each with its line, its source and its reason.' : 'Reading…'));
    return;
  }
  const { declared, effective } = got.version;
  fill(
    $('tag-facts'),
    h('span', got.kind === 'unknown' ? 'No ad document' : got.kind),
    effective && h('span', `version ${effective}${declared && declared !== effective ? `, declared ${declared}` : ''}`),
    state.encoding !== 'utf-8' && h('span', state.encoding.toUpperCase()),
    h('span', bytesText(got.bytes)),
  );
  const counts = Object.fromEntries(SEVERITIES.map((severity) => [severity, got.findings.filter((finding) => finding.severity === severity).length]));
  if (got.findings.length === 0) {
    fill($('tag-verdict'), h('p.headline.good', 'No findings'), h('p.sub', `${count(rules.size, 'rule')} asked; none has anything to say.`));
    return;
  }
  const chips = SEVERITIES.filter((severity) => counts[severity] > 0).map((severity) => h(`button.chip.${severity}`, {
    type: 'button',
    'aria-pressed': String(!state.hidden.has(severity)),
    title: `Show or hide ${WORDS[severity]}s`,
    onclick: () => {
      if (!state.hidden.delete(severity)) state.hidden.add(severity);
      drawVerdict();
      drawFindings();
    },
  }, h('span.glyph', { 'aria-hidden': 'true' }), count(counts[severity], WORDS[severity])));
  fill($('tag-verdict'), h('p.headline', headline(counts)), h('div.chips', { role: 'group', 'aria-label': 'Severities shown' }, chips));
}

const headline = (counts) => (counts.error > 0 ? 'This tag breaks its specification or its players' : counts.warning > 0 ? 'It may play, with risks' : 'Nothing that stops it');

function drawFindings() {
  const all = (state.report?.findings ?? []).filter((finding) => !state.hidden.has(finding.severity));
  const cards = all.slice(0, state.limit).map(card);
  const rest = all.length - cards.length;
  if (rest > 0) {
    cards.push(h('li.more', h('button', { type: 'button', onclick: () => { state.limit += PAGE; drawFindings(); } }, `Show ${Math.min(rest, PAGE)} more of ${rest}`)));
  }
  for (const [rule, left] of Object.entries(state.report?.truncated ?? {})) {
    cards.push(h('li.more', h('code', rule), ` was found ${left.toLocaleString('en')} more times; those are counted, not listed.`));
  }
  fill($('finding-list'), cards);
}

function card(finding) {
  const rule = rules.get(finding.rule);
  const place = `${finding.span.line}:${finding.span.column}`;
  return h(`li.finding.${finding.severity}`, { id: `finding-${finding.index}` },
    h('div.finding-head',
      h('span.severity', h('span.glyph', { 'aria-hidden': 'true' }), WORDS[finding.severity]),
      h('a.rule', { href: `rules/${finding.rule}.html`, target: '_blank', rel: 'noopener' }, h('code', finding.rule)),
      h('button.place', { type: 'button', onclick: () => show(finding), 'aria-label': `Go to line ${finding.span.line}, column ${finding.span.column}` }, place)),
    h('p.message', prose(finding.message)),
    excerpt(finding),
    h('details',
      h('summary', 'Why, and where it comes from'),
      rule?.why && h('p', prose(rule.why)),
      h('dl.meta',
        h('dt', 'Kind'), h('dd', AXES[finding.axis] ?? finding.axis),
        finding.citation && [h('dt', 'Source'), h('dd', finding.citation)],
        h('dt', 'At'), h('dd', h('code', finding.path)),
        finding.aliases.length > 0 && [h('dt', 'Also known as'), h('dd', finding.aliases.map((alias) => h('code.alias', alias)))]),
      h('button.small', { type: 'button', onclick: ({ target }) => copy(target, line(finding)) }, 'Copy this finding')),
    finding.fix && h('div.fix',
      h('span', h('strong', finding.fix.safe ? 'Safe fix: ' : 'Possible fix: '), prose(finding.fix.title)),
      h('button.small', { type: 'button', onclick: () => mend(finding.fix) }, 'Apply')));
}

/** The line around the finding, cut to what fits. */
function excerpt(finding) {
  const { text } = state.lines[finding.at.line] ?? { text: '' };
  const from = Math.max(0, Math.min(finding.at.column - 24, text.length));
  const start = from < 6 ? 0 : from;
  const stop = Math.min(text.length, Math.max(finding.end + 24, start + 90), start + 200);
  const lead = text.slice(start, finding.at.column);
  const body = text.slice(finding.at.column, Math.min(finding.end, stop));
  const tail = text.slice(Math.min(finding.end, stop), stop);
  if (text.trim() === '') return null;
  return h('pre.excerpt', { 'aria-hidden': 'true' }, start > 0 ? '…' : '', start > 0 ? lead : lead.trimStart(), h(`mark.${finding.severity}`, body === '' ? ' ' : body), tail, stop < text.length ? '…' : '');
}

function show(finding) {
  current(finding.index);
  if (!state.shown) return;
  const row = $('backdrop').children[finding.at.line];
  const text = $('tag-text');
  // The text area counts every line end as one.
  const before = state.lines.slice(0, finding.at.line).reduce((sum, each) => sum + each.text.length + 1, 0);
  text.focus({ preventScroll: true });
  text.setSelectionRange(before + finding.at.column, before + finding.end);
  row?.scrollIntoView({ block: 'center', behavior: smooth() });
}

const smooth = () => (matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth');

function current(index) {
  for (const each of $('finding-list').querySelectorAll('[aria-current]')) each.removeAttribute('aria-current');
  const element = $(`finding-${index}`);
  element?.setAttribute('aria-current', 'true');
  return element;
}

/** The card of the line that the caret stands in comes into view. */
function followCaret() {
  const text = $('tag-text');
  const line = text.value.slice(0, text.selectionStart).split('\n').length - 1;
  const finding = state.report?.findings.find((each) => each.at.line === line && !state.hidden.has(each.severity));
  const element = finding && current(finding.index);
  const list = $('finding-list');
  if (element && list.scrollHeight > list.clientHeight) list.scrollTo({ top: element.offsetTop - list.offsetTop, behavior: smooth() });
}

/** Edits are byte ranges of the input; from the last to the first, none moves another. */
function mend(fix) {
  let bytes = state.bytes;
  for (const { start, end, text } of [...fix.edits].sort((a, b) => b.start - a.start)) {
    const insert = new TextEncoder().encode(text);
    const next = new Uint8Array(start + insert.length + bytes.length - end);
    next.set(bytes.subarray(0, start));
    next.set(insert, start);
    next.set(bytes.subarray(end), start + insert.length);
    bytes = next;
  }
  load(state.name, bytes);
}

const line = (finding) => `${state.name}:${finding.span.line}:${finding.span.column}: ${WORDS[finding.severity]}: ${finding.message} [${finding.rule}]${finding.citation ? ` (${finding.citation})` : ''}`;

const asText = () => state.report.findings.filter((finding) => !state.hidden.has(finding.severity)).map(line).join('\n');
