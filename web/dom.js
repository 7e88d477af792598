// Elements from data. Text goes in as text, never as markup, so nothing that a tag or a feed says
// can become part of the page.

export const $ = (id) => document.getElementById(id);

const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS = new Set(['svg', 'line', 'circle', 'rect', 'path', 'g']);

/** `h('p.note', {id: 'x'}, 'text', child)`. Properties that start with `on` are listeners. */
export function h(name, ...rest) {
  const [tag, ...classes] = name.split('.');
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length > 0) element.setAttribute('class', classes.join(' '));
  for (const part of rest.flat(Infinity)) {
    if (part === null || part === undefined || part === false) continue;
    if (typeof part === 'object' && !(part instanceof Node)) attributes(element, part);
    else element.append(part);
  }
  return element;
}

function attributes(element, values) {
  for (const [key, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : String(value));
  }
}

export const fill = (element, ...children) => element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));

/** Words in which `this` is code, as messages and pages of rules write it. */
export const prose = (text) => text.split('`').map((part, index, all) => (index % 2 === 1 && index < all.length - 1 ? h('code', part) : index % 2 === 1 ? `\`${part}` : part));

/** `1 file`, `2 files`. */
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;

export const bytesText = (bytes) => (bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** Hands text to the person as a file. */
export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = h('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Copies text and says so on the button. */
export async function copy(button, text) {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'The browser does not allow it';
  }
  setTimeout(() => { button.textContent = words; }, 1600);
}

/** Files dropped on `element` go to `take`; the element shows that they may be dropped. */
export function droppable(element, take) {
  let depth = 0;
  const holdsFiles = (event) => event.dataTransfer?.types.includes('Files');
  element.addEventListener('dragenter', (event) => {
    if (!holdsFiles(event)) return;
    depth += 1;
    element.classList.add('over');
  });
  element.addEventListener('dragleave', () => {
    depth = Math.max(0, depth - 1);
    if (depth === 0) element.classList.remove('over');
  });
  element.addEventListener('dragover', (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  element.addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    depth = 0;
    element.classList.remove('over');
    take([...event.dataTransfer.files]);
  });
}

/** A file as name and bytes. */
export const fileBytes = async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });

/** A file of the page itself as bytes. */
export async function ownFile(path) {
  const response = await fetch(new URL(path, import.meta.url));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
