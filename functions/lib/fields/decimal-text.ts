import { numeric } from './normalise.ts';

/** The form that is kept and sent on: a decimal point, no thousands separators. */
export const plainDecimal = /^[+-]?\d+(?:\.\d+)?$/;

export const maxDecimalLength = 30;

export interface Range {
  min: number;
  max: number;
}

/**
 * A number as people write it, in plain form and with the digits that were typed: `8,04`, `1 234.5`, `1’234`, `1.234,5`, `12,34,567`.
 * A point alone is always the decimal point, as in JSON and in every example that a form shows. `1,234` can be read in two ways:
 * unless the range decides between them it stays as it is, and the field refuses it.
 */
export function decimalText(value: string, range: Range): string {
  if (plainDecimal.test(value)) return value;
  // U+066B is the decimal point that comes with Arabic digits.
  const text = numeric(value).replace('\u066b', '.');
  if (plainDecimal.test(text)) return text;
  const readings = readingsWithin(text, range);
  const [reading = text] = readings;
  return readings.length > 1 ? text : reading;
}

/** The numbers within the range that a text with separators can mean, in plain form. */
export function readingsWithin(text: string, { min, max }: Range): string[] {
  return readingsOf(text).filter((reading) => Number(reading) >= min && Number(reading) <= max);
}

function readingsOf(text: string): string[] {
  const [, sign = '', number = ''] = /^([+-]?)(.*)$/.exec(text) ?? [];
  const readings = ['.', ','].flatMap((point) => {
    const [whole = '', fraction, ...more] = number.replaceAll(thousandsOnly, ' ').split(point);
    const isNumber = whole === '' ? fraction !== undefined : /^\d+$/.test(whole) || grouped.test(whole);
    if (!isNumber || more.length > 0 || (fraction !== undefined && !/^\d+$/.test(fraction))) return [];
    const digits = whole.replace(/\D/g, '') || '0';
    return [sign + (fraction === undefined ? digits : `${digits}.${fraction}`)];
  });
  return [...new Set(readings)];
}

/** An apostrophe as in Switzerland, or U+066C as in Arabic; both count as a space. */
const thousandsOnly = /['\u2019\u066c]/g;

/** In threes, or as in India in twos before the last three. */
const grouped = /^[1-9]\d{0,2}([ .,])(?:\d{2,3}\1)*\d{3}$/;

/**
 * A number near the middle of a range, with as few digits as that takes.
 * @throws Error when no such number exists
 */
export function exampleWithin({ min, max }: Range): string {
  const middle = min + (max - min) / 2;
  for (let places = 0; places < maxDecimalLength; places += 1) {
    const text = middle.toFixed(places).replace(/^-(?=[0.]+$)/, '');
    const isNear = Math.abs(Number(text) - middle) <= (max - min) / 4;
    if (isNear && text.length <= maxDecimalLength && plainDecimal.test(text)) return text;
  }
  throw new Error(
    `decimal: there is no number from ${min} to ${max} of at most ${maxDecimalLength} characters; change min or max.`,
  );
}
