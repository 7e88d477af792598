// Bytes as text and back: lines, and where a byte of the input lies in them.

/** The text of a document and how many bytes each code point took. */
export function decode(bytes) {
  const [a, b] = bytes;
  const wide = (a === 0xff && b === 0xfe) || (b === 0 && a !== 0) ? 'utf-16le'
    : (a === 0xfe && b === 0xff) || (a === 0 && b !== 0) ? 'utf-16be' : null;
  if (wide && bytes.length > 1) {
    return { text: new TextDecoder(wide, { ignoreBOM: true }).decode(bytes), width: (point) => (point > 0xffff ? 4 : 2), encoding: wide };
  }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), width: utf8Width, encoding: 'utf-8' };
  } catch {
    return { text: new TextDecoder('windows-1252').decode(bytes), width: () => 1, encoding: 'windows-1252' };
  }
}

export const utf8Width = (point) => (point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4);

/** Lines with the first byte of each. CRLF, LF and CR end a line, as in a text area. */
export function lines(text, width) {
  const found = [];
  let start = 0;
  let byte = 0;
  let lineByte = 0;
  const end = (index) => found.push({ text: text.slice(start, index), byte: lineByte });
  for (let index = 0; index < text.length;) {
    const point = text.codePointAt(index);
    const units = point > 0xffff ? 2 : 1;
    byte += width(point);
    if (point === 13 && text.charCodeAt(index + 1) === 10) {
      end(index);
      byte += width(10);
      index += 2;
      start = index;
      lineByte = byte;
    } else if (point === 10 || point === 13) {
      end(index);
      index += 1;
      start = index;
      lineByte = byte;
    } else {
      index += units;
    }
  }
  end(text.length);
  return found;
}

/** The line (from 0) and the column (from 0, in UTF-16 units) of a byte. */
export function locate(all, width, byte) {
  let low = 0;
  let high = all.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (all[middle].byte <= byte) low = middle;
    else high = middle - 1;
  }
  const line = all[low];
  let at = line.byte;
  let column = 0;
  while (column < line.text.length && at < byte) {
    const point = line.text.codePointAt(column);
    at += width(point);
    column += point > 0xffff ? 2 : 1;
  }
  return { line: low, column };
}
