// Starts the two views and moves between them.

import { $ } from './dom.js';
import { ask } from './engine.js';
import { startLint } from './lint.js';
import { startScore } from './score.js';

const tabs = [...document.querySelectorAll('[role="tab"]')];

function select(tab, focus = false) {
  for (const each of tabs) {
    const on = each === tab;
    each.setAttribute('aria-selected', String(on));
    each.tabIndex = on ? 0 : -1;
    $(each.getAttribute('aria-controls')).hidden = !on;
  }
  document.title = `${tab.textContent} · adproof`;
  if (focus) tab.focus();
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener('click', () => {
    history.replaceState(null, '', `#${tab.getAttribute('aria-controls')}`);
    select(tab);
  });
  tab.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = tabs[(index + step + tabs.length) % tabs.length];
    history.replaceState(null, '', `#${next.getAttribute('aria-controls')}`);
    select(next, true);
  });
}

const byAddress = () => tabs.find((tab) => `#${tab.getAttribute('aria-controls')}` === location.hash) ?? tabs[0];
addEventListener('hashchange', () => select(byAddress()));
select(byAddress());

// A file that misses its place must not replace the page.
for (const event of ['dragover', 'drop']) addEventListener(event, (dropped) => dropped.preventDefault());

startLint();
startScore();
ask('version').then(
  (version) => { $('version').textContent = version; },
  (error) => {
    $('broken').hidden = false;
    $('broken').textContent = `This browser could not start the page’s WebAssembly: ${error.message}`;
  },
);
