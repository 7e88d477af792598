// Checks the files in this page with the verifier in this page, and says in plain words what they
// prove. Everything that is shown comes from what the verifier returned. Text only ever becomes
// text: no markup is made from data.
'use strict';

const byId = (id) => document.getElementById(id);

/** An element with a class and children; text becomes text nodes. */
const el = (name, className, ...children) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
};

const plural = (count, one, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
const percent = (ppm) => `${(ppm / 10000).toFixed(1)} %`;
const time = (us) => {
  const date = new Date(us / 1000);
  if (Number.isNaN(date.getTime())) return `${us} µs since 1970`;
  const day = date.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
  return `${day}, ${date.toISOString().slice(11, 19)} UTC`;
};
const money = (micros) => (micros / 1e6).toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 6 });

const ACTIONS = {
  none: 'to do nothing',
  observe: 'only to keep watching',
  measure: 'to measure more closely',
  review: 'that a person should look at it',
  throttle: 'to send fewer impressions to it',
  block: 'to send no impressions to it',
};
const LEGS = {
  request: 'Request: what was asked for',
  network: 'Network: who asked, as the network saw it',
  creative: 'Creative: the ad that won',
  vast: 'VAST: the final tag or stitched instruction',
  execution: 'Execution: what the player reported',
  billing: 'Billing: what was billed',
};
const STATES = {
  present: ['there', 'present', 'evidence arrived in time'],
  absent: ['lacking', 'absent', 'no evidence arrived'],
  late: ['lacking', 'late', 'evidence arrived after the window had closed'],
  refused: ['lacking', 'refused', 'whoever holds the evidence did not give it'],
  redacted: ['lacking', 'redacted', 'the evidence was given with its content withheld'],
  erased: ['lacking', 'erased', 'the key to the evidence was destroyed'],
  not_applicable: ['', 'not applicable', 'this impression has no such evidence'],
};
const ROLES = { checkpoint: 'the head of the log', record: 'records', root: 'changes of keys', counterparty: 'the other party’s statements' };
const STANCES = { received: 'has received it', agreed: 'agrees with it', disputed: 'disputes it' };
const words = (id) => String(id).replaceAll('_', ' ');
const number = ({ name, value }) => {
  const label = words(name.replace(/_ppm$|_micros$/, '')).replace(/^at (least|most)$/, 'needed at $1');
  if (name.endsWith('_ppm')) return `${label} ${percent(value)}`;
  if (name.endsWith('_micros')) return `${label} ${money(value)}`;
  return `${label} ${value.toLocaleString('en')}`;
};

/** A table. Each cell carries the words of its column, which a narrow screen shows beside it. */
const table = (heads, rows) => {
  const head = el('tr', '', ...heads.map((text) => {
    const cell = el('th', '', text);
    cell.scope = 'col';
    return cell;
  }));
  for (const row of rows) [...row.children].forEach((cell, at) => { cell.dataset.label = heads[at]; });
  return el('div', 'scroll', el('table', '', el('thead', '', head), el('tbody', '', ...rows)));
};

/** A revealed value. Values of one event begin with its id. */
const revealed = ({ name, value }) => {
  const [, event, rest] = value.match(/^(\S+) (.*)$/s) ?? [null, null, value];
  const shown = name.endsWith('_micros') && /^-?\d+$/.test(rest) ? money(Number(rest)) : rest;
  return el('li', '', `${words(name.replace(/_micros$/, ''))} `, el('code', '', shown), event === null ? null : el('span', 'soft', ` (event ${event})`));
};

function legRows(entry, one) {
  return Object.keys(LEGS).map((leg) => {
    const erased = one.erased_by !== null && entry.legs[leg].state === 'present';
    const [kind, name, meaning] = STATES[erased ? 'erased' : entry.legs[leg].state];
    const values = one.revealed.filter((value) => value.leg === leg);
    const shown = values.map(revealed);
    let more = null;
    if (erased) more = el('p', 'soft', `It was there when this was decided; record ${one.erased_by} says that its key was destroyed since.`);
    else if (shown.length) more = el('ul', 'values', ...shown);
    else if (entry.legs[leg].state === 'present') more = el('p', 'soft', 'Committed to, and not revealed in this bundle.');
    const title = el('th', '', LEGS[leg]);
    title.scope = 'row';
    return el('tr', '', title, el('td', `state ${kind}`, name), el('td', '', meaning, more));
  });
}

function decision(entry, one) {
  const { dec, completeness } = entry;
  const about = dec.target === null ? 'an impression' : dec.target;
  const lead = el('p', 'lead', `On ${time(entry.time.wall_us)}, the log `, el('strong', '', entry.log), ' recorded the decision about ',
    el('strong', '', about), ': ', el('strong', '', dec.action), `, ${ACTIONS[dec.action] ?? ''}`,
    dec.expires_us === null ? '.' : `, until ${time(dec.expires_us)}.`,
    dec.held_out ? ' It was held back on purpose, to measure what it would have done.' : '');
  const all = completeness.have + completeness.miss;
  const parts = [
    el('h3', '', `Record ${entry.seq}: decision “${dec.action}”`),
    lead,
    el('h3', '', 'Why, and why not more'),
  ];
  parts.push(dec.reasons.length === 0
    ? el('p', '', 'The record names no gate of the policy.')
    : table(['Gate of the policy', 'What it found', 'Numbers'], dec.reasons.map((reason) => {
      const [outcome, numbers] = [words(reason.outcome), reason.numbers.map(number).join(', ')];
      return el('tr', '', el('td', '', words(reason.gate)), el('td', '', outcome), el('td', '', numbers));
    })));
  parts.push(el('h3', '', `Evidence: ${completeness.have} of ${all} parts that apply (${percent(completeness.ppm)})`));
  parts.push(table(['Part', 'State', 'What that means'], legRows(entry, one)));
  if (dec.scores.length) {
    parts.push(el('h3', '', 'How the block recurs in the feeds'));
    parts.push(table(['Block', 'Class', 'Seen in issues', 'Indicators', 'Recurrence (cautious, mean, high)'], dec.scores.map((score) =>
      el('tr', '', el('td', 'mono', score.block), el('td', '', `${score.class}${score.explained_by ? `, explained by ${score.explained_by}` : ''}`),
        el('td', 'number', `${score.issues_seen} of ${score.issues}`), el('td', 'number', String(score.indicators)),
        el('td', '', [score.recurrence_ppm, score.mean_ppm, score.high_ppm].map(percent).join(', '))))));
  }
  if (dec.collateral.length) {
    parts.push(el('h3', '', 'Who else it would hit'));
    parts.push(table(['Block', 'Devices beside the listed ones', 'Share of all devices, at most', 'Households', 'Revenue'], dec.collateral.map((hit) =>
      el('tr', '', el('td', 'mono', hit.block), el('td', 'number', `${hit.devices.toLocaleString('en')} of ${hit.devices_in_log.toLocaleString('en')} in the log`),
        el('td', 'number', percent(hit.devices_high_ppm)), el('td', 'number', hit.households.toLocaleString('en')), el('td', 'number', money(hit.revenue_micros))))));
  }
  if (dec.tag) parts.push(el('h3', '', 'The tag that was served'), el('p', '', `${words(dec.tag.outcome)}: ${plural(dec.tag.errors, 'error')}, ${plural(dec.tag.risks, 'risk')}.`));
  const { repro } = entry;
  const pinned = [['Policy', repro.policy], ['Rules of the linter', repro.ruleset], ['Model (what scoring had seen)', repro.model], ['Parameters of scoring', repro.params],
    ['Program', repro.engine], ...repro.inputs.map((input) => [`Input: ${words(input.role)}`, input.sha256])];
  parts.push(el('details', '', el('summary', '', 'What it was decided from'), el('p', 'soft', 'SHA-256 of each. Whoever has the same can decide again and must come to the same bytes.'),
    table(['What', 'SHA-256'], pinned.map(([what, digest]) => el('tr', '', el('td', '', what), el('td', 'id', digest))))));
  return parts;
}

function other(entry) {
  const on = `On ${time(entry.time.wall_us)}: `;
  const title = (text) => el('h3', '', `Record ${entry.seq}: ${text}`);
  switch (entry.typ) {
    case 'ack':
      return [title('the other party’s statement'), el('p', 'lead', `${on}the other party ${STANCES[entry.ack.stance]} (record ${entry.ack.seq}), as of ${time(entry.ack.time_us)}.`,
        entry.ack.reason ? ` Reason: “${entry.ack.reason}”.` : '')];
    case 'erase':
      return [title('evidence was erased'), el('p', 'lead', `${on}the key to the evidence of one person or household of ${entry.erase.day} was destroyed; it opened ${plural(entry.erase.records, 'record')}. `,
        entry.erase.reason ? `Reason: “${entry.erase.reason}”. ` : '', 'The records and their proofs stay; their evidence can never be opened again.')];
    case 'window-close':
      return [title('a window was closed'), el('p', 'lead', `${on}the sums from ${time(entry.window.from_us)} to ${time(entry.window.to_us)} over ${plural(entry.window.records.count, 'record')} from ${entry.window.records.first} on.`),
        table(['Party', 'Action', 'Decisions', 'Amount'], entry.window.totals.map((total) => el('tr', '', el('td', '', total.party || '–'), el('td', '', total.action),
          el('td', 'number', total.count.toLocaleString('en')), el('td', 'number', `${money(total.amount_micros)} ${total.currency}`))))];
    case 'key':
      return [title('a key changed'), el('p', 'lead', `${on}the root key says: ${entry.key.action} the key for ${entry.key.role}.`)];
    case 'recovery':
      return [title('the log was repaired'), el('p', 'lead', `${on}${plural(entry.recovery.bytes, 'byte')} of a torn record were cut off when the log was opened.`)];
    default:
      return [title(words(entry.typ))];
  }
}

function article(one) {
  const entry = JSON.parse(one.entry);
  const parts = entry.typ === 'decision' ? decision(entry, one) : other(entry);
  if (one.ack) {
    const known = {
      holds: '',
      revoked_key: ' (signed with a key that was revoked, so anybody may have signed it)',
    }[one.ack.state] ?? ' (signed with a key that is not among those you trust, so nobody can tell whose it is)';
    parts.push(el('h3', '', 'What the other party has signed'), el('p', '', `On ${time(one.ack.time_us)}: it ${STANCES[one.ack.stance]}${known}.`, one.ack.reason ? ` Reason: “${one.ack.reason}”.` : ''));
  }
  const raw = el('details', '', el('summary', '', 'The record as it was signed, and its fingerprint'), el('pre', '', el('code', '', one.entry)),
    el('p', 'mono soft', `leaf ${one.leaf}`), el('p', 'mono soft', `signed by key ${one.signed_by}`));
  return el('article', '', ...parts, raw);
}

function missing(told) {
  const items = [];
  for (const one of told.records) {
    const entry = JSON.parse(one.entry);
    if (entry.typ !== 'decision') continue;
    for (const leg of Object.keys(LEGS)) {
      const { state } = entry.legs[leg];
      if (one.erased_by !== null && state === 'present') continue;
      if (state !== 'present' && state !== 'not_applicable') items.push(`Record ${entry.seq}: ${LEGS[leg]} – ${STATES[state][2]}.`);
    }
    if (one.erased_by !== null) items.push(`Record ${entry.seq}: all evidence was erased since (record ${one.erased_by}). That this record is among those erased is the sender’s word.`);
    const hidden = Object.keys(LEGS).filter((leg) => entry.legs[leg].state === 'present' && one.erased_by === null && !one.revealed.some((value) => value.leg === leg));
    if (hidden.length) items.push(`Record ${entry.seq}: the values of ${hidden.join(', ')} exist and are not revealed to you.`);
  }
  if (told.checkpoint) items.push(`The log has ${plural(told.checkpoint.size, 'record')}; this bundle shows ${told.records.length} of them, which the sender has chosen.`);
  if (!items.length) items.push('Nothing that holds is left that could say what is missing.');
  return items.map((text) => el('li', '', text));
}

function checks(told) {
  const good = (text) => el('li', 'good', text);
  const items = told.problems.map(({ record, message }) => el('li', 'bad', `Failed: ${record === null ? '' : `record ${record}: `}${message}`));
  const count = told.records.length;
  if (count) {
    const all = count === 1 ? 'The record' : `Each of ${count} records`;
    items.push(good(`${all} has its one canonical form and the signature of the log’s record key (Ed25519, strict).`));
    items.push(good(`${all} has its place in the log’s tree of ${plural(told.checkpoint.size, 'record')} (RFC 6962), whose head is signed.`));
    const linked = told.records.filter((one) => one.linked).length;
    if (linked) items.push(good(`${plural(linked, 'record')} name${linked === 1 ? 's' : ''} the record in front, which is here too.`));
    const revealed = told.records.reduce((sum, one) => sum + one.revealed.length, 0);
    if (revealed) items.push(good(`${plural(revealed, 'revealed value')}: the signed record commits to ${revealed === 1 ? 'it' : 'each'}, so none was changed afterwards.`));
    const acks = told.records.filter((one) => one.ack?.state === 'holds' || one.inner_ack === 'holds').length;
    if (acks) items.push(good(`${plural(acks, 'statement')} of the other party, signed with its key.`));
    const changes = told.records.filter((one) => JSON.parse(one.entry).typ === 'key').length;
    if (changes) items.push(good(`${plural(changes, 'change')} of the log’s keys, signed with its root key; what comes behind ${changes === 1 ? 'it' : 'them'} is checked with the keys that ${changes === 1 ? 'it brings' : 'they bring'}.`));
  }
  for (const { name, state, time_s: seconds } of told.policy?.witnesses ?? []) {
    if (state === 'cosigned') items.push(good(`The witness “${name}” signed the head of the log on ${seconds === null ? 'a day that cannot be read' : time(seconds * 1e6)}: by then it knew no other history.`));
    if (state === 'missing') items.push(el('li', 'unknown', `The witness “${name}” has not signed this head of the log.`));
    if (state === 'other_algorithm') items.push(el('li', 'unknown', `The witness “${name}” uses a kind of key that this page cannot check.`));
  }
  if (told.policy?.by === 'reader' && told.policy.met_at !== null) items.push(good(`The policy that you gave is met at ${plural(told.policy.met_at, 'record')}: a rewrite of those by the key holder alone would show.`));
  const older = told.anchors.filter((anchor) => told.checkpoint && anchor.size < told.checkpoint.size);
  for (const { size, witnessed } of older) items.push(good(`The head of the log continues an older one of ${plural(size, 'record')}${witnessed ? ', which witnesses have signed' : ''}.`));
  return items;
}

/** What a page cannot judge of time stamps, because it knows no authority and follows no chain. */
function stamps(told) {
  return told.anchors.flatMap(({ size, stamps: all }) => all.filter(({ state }) => state === 'not_known').map(({ file, text }) => (file.endsWith('.ots')
    ? `A time stamp (OpenTimestamps) over the first ${plural(size, 'record')}: ${text}.`
    : `A time stamp (RFC 3161) over the first ${plural(size, 'record')}: this page does not know its authority. adproof bundle verify --tsa-root checks it, and so does openssl ts -verify with the raw files.`)));
}

/** What witnesses leave open. */
function witnesses(told) {
  if (!told.policy || told.policy.met_at === null) {
    return 'No witness: a rewrite by the key holder would not show. Compare the head of the log with one that somebody else has held.';
  }
  return told.policy.by === 'reader' ? null
    : 'Whether the witnesses are independent of the log: the list of them came with this file, by the sender’s word. Without witnesses that you trust, a rewrite by the key holder might not show; paste your own list below.';
}

function unchecked(told) {
  const items = [
    witnesses(told),
    'Other changes of the log’s keys: whether it has more than this file shows, such as a revocation, only the whole log tells.',
    ...stamps(told),
    'Left-out records: that the log was told everything shows only when both parties compare their sums.',
    'Whether the decision was right: whoever has the inputs can run it again (adproof rerun) and compare bytes.',
    'The clock: the times are those of the log’s own clock.',
  ].filter((text) => text !== null);
  if (told.trust !== 'given') items.unshift('The keys: they came with this file. Compare them below with those that you know.');
  if (told.records.some((one) => one.ack?.state === 'unknown_key' || one.inner_ack === 'unknown_key')) items.push('A statement of the other party: its key is not among those given.');
  return items.map((text) => el('li', 'unknown', text));
}

function facts(told) {
  const list = [];
  const fact = (name, ...value) => list.push(el('dt', '', name), el('dd', '', ...value));
  if (told.case?.case) fact('Case', told.case.case);
  if (told.case?.for) fact('Made for', told.case.for, el('span', 'soft', ' (the sender’s note; a copy that turns up elsewhere came from there)'));
  fact('Log', told.log);
  fact('Records', told.records.map((one) => one.seq).join(', ') || 'none that holds');
  if (told.checkpoint) {
    fact('Head of the log', `${plural(told.checkpoint.size, 'record')}, root `, el('code', '', told.checkpoint.root));
  }
  return list;
}

function say(kind, mark, title, text, problems) {
  const verdict = byId('verdict');
  verdict.className = `verdict ${kind}`;
  verdict.querySelector('.mark').textContent = mark;
  verdict.querySelector('h1').textContent = title;
  byId('verdict-text').textContent = text;
  byId('problems').replaceChildren(...problems.map((problem) => el('li', '', problem)));
  document.title = kind === 'good' ? `✓ ${title} · adproof bundle` : `✗ ${title.toUpperCase()} · adproof bundle`;
}

function show(told) {
  const failed = told.problems.length > 0;
  if (failed) {
    const shown = told.problems.slice(0, 20).map(({ record, message }) => (record === null ? message : `Record ${record}: ${message}`));
    if (told.problems.length > shown.length) shown.push(`and ${told.problems.length - shown.length} more`);
    say('bad', '✗', 'Failed: do not rely on this file', `${plural(told.problems.length, 'check')} failed. Something in this file was changed, is missing, or was signed by somebody else.`, shown);
  } else if (told.trust === 'given') {
    say('good', '✓', 'Verified with the keys that you gave', `${plural(told.records.length, 'record')} of ${told.log}: every signature and every proof holds.`, []);
  } else {
    say('good', '✓', 'Everything in this file fits together', `${plural(told.records.length, 'record')} of ${told.log}: every signature and every proof holds under the keys in this file. Whether these are the log’s own keys only you can tell: compare them below.`, []);
  }
  byId('facts').replaceChildren(...facts(told));
  const lost = [...new Set(told.problems.map(({ record }) => record))].filter((seq) => seq !== null && !told.records.some((one) => one.seq === seq));
  const unproved = lost.map((seq) => el('article', 'unproved', el('h3', '', `Record ${seq}: not proved`), el('p', '', 'It failed a check, so what it says is not shown.')));
  byId('records').replaceChildren(...unproved, ...told.records.map(article));
  byId('missing').replaceChildren(...missing(told));
  byId('checks').replaceChildren(...checks(told));
  byId('unchecked').replaceChildren(...unchecked(told));
  byId('keys').replaceChildren(table(['Key', 'Signs', 'SHA-256 of the key'], told.keys.map(({ name, role, id }) =>
    el('tr', '', el('td', '', name), el('td', '', ROLES[role] ?? role), el('td', 'id', id)))));
  byId('main').hidden = false;
}

async function start() {
  const base64 = byId('verifier').textContent;
  await wasm_bindgen({ module_or_path: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) });
  const files = byId('bundle').textContent.replace(/^\n/, '');
  const check = (keys, policy) => show(JSON.parse(wasm_bindgen.check(files, keys, policy)));
  const name = decodeURIComponent(location.pathname.split('/').pop() ?? '');
  if (name) for (const place of document.querySelectorAll('.own-name')) place.textContent = name;
  check(undefined, undefined);
  byId('own-keys').addEventListener('submit', (event) => {
    event.preventDefault();
    const keys = byId('own-keys-text').value.trim();
    const policy = byId('own-policy-text').value.trim();
    guarded(() => check(keys ? `${keys}\n` : undefined, policy ? `${policy}\n` : undefined));
    byId('own-keys-said').textContent = byId('verdict').querySelector('h1').textContent;
    byId('verdict').scrollIntoView({ block: 'start' });
  });
}

/** Whatever goes wrong is said as loudly as a failed check. */
async function guarded(work) {
  try {
    await work();
  } catch (error) {
    say('bad', '✗', 'Failed: nothing could be checked', `The page could not do its work: ${error?.message ?? error}`, []);
  }
}

guarded(start);
