/**
 * A WAL address: 64 bits, printed `16/B374D848`. Held as a number: exact up to 2^53 bytes
 * (9 PB) of WAL, far beyond what one cluster writes in its life. LSNs order the changes of one
 * row and the commits of the cluster; they do not order the changes of different transactions.
 */

export type Lsn = number & { readonly __brand: 'Lsn' };

const HIGH = 2 ** 32;

/** Parses `16/B374D848`; undefined when the text is not an LSN. */
export function parseLsn(text: string): Lsn | undefined {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text.trim());
  if (match === null) return undefined;
  const lsn = Number.parseInt(match[1] ?? '', 16) * HIGH + Number.parseInt(match[2] ?? '', 16);
  return Number.isSafeInteger(lsn) ? (lsn as Lsn) : undefined;
}

export function formatLsn(lsn: Lsn): string {
  return `${Math.floor(lsn / HIGH)
    .toString(16)
    .toUpperCase()}/${(lsn % HIGH).toString(16).toUpperCase()}`;
}
