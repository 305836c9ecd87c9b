import { stringify, type Stringifier } from 'csv-stringify';

export interface CsvOptions {
  /** Stands between two cells: a comma, or a semicolon where the comma is the decimal point. */
  separator?: string;
  /** Begins with a byte-order mark, without which Excel takes UTF-8 for something else. */
  bom?: boolean;
  /** The first line. */
  headings?: string[];
}

/** Writes lists of cells as CSV (RFC 4180) that a spreadsheet opens as it is: what it would take for a formula begins with '. */
export function csvWriter({ separator = ',', bom = true, headings }: CsvOptions = {}): Stringifier {
  return stringify({
    bom,
    delimiter: separator,
    ...(headings ? { header: true, columns: headings } : {}),
    record_delimiter: 'windows',
    // With this delimiter csv-stringify by itself does not quote a line feed alone, RFC 4180 does.
    quoted_match: /[\r\n]/,
    cast: { string: guarded, boolean: String },
  });
}

/** Begins like a formula, or hides one: https://owasp.org/www-community/attacks/CSV_Injection */
const formula = /^[=+\-@\t\r＝＋－＠]/;

function guarded(text: string): string {
  return formula.test(text) && !/^-\d+(?:[.,]\d+)?$/.test(text) ? `'${text}` : text;
}
