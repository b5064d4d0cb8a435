// Figures of more digits than the browser's numbers carry.

/** Draws and compares as the nearest number, and reads as it came. */
export class Exact extends Number {
  /** @param {string} source as the answer has it */
  constructor(source) {
    super(source);
    this.source = source;
  }

  toString() {
    return this.source;
  }
}

/** JSON whose numbers keep all their digits, where the browser tells them. */
export function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === 'number' && rounded(value, context?.source)
      ? new Exact(context.source)
      : value,
  );
}

/** Whether a number is not the one that was written. */
function rounded(value, source) {
  if (source === undefined || source.length < 16 || /e/i.test(source)) return false;
  const plain = source.includes('.') ? source.replace(/\.?0+$/, '') : source;
  return plain !== String(value) && !/e/.test(String(value));
}

/** The nearest number; a gap stays one. */
export function nearest(value) {
  return value instanceof Exact ? value.valueOf() : value;
}
