/**
 * What the commands of this folder print and how they end: progress lines with the server's name,
 * errors as sentences without a stack, exit codes.
 */
import { messageOf, TurnstreamError } from '../processor/error.ts';
import type { Server } from './server.ts';

export function sayFor(server: Pick<Server, 'name'>, line: string): void {
  console.log(`  ${server.name.padEnd(10)} ${line}`);
}

/** Runs a command; an expected error is printed as its sentence, any other with its stack. */
export async function runCommand(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    console.error(
      error instanceof TurnstreamError ? messageOf(error) : ((error as Error).stack ?? error),
    );
    process.exitCode = 1;
  }
}

/** Rows as columns, aligned. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}
