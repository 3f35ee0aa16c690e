/**
 * What a worker hosts of each projection: the generation that readers use, if the build has a
 * definition of its version, else nothing. So a row is only ever written by the definition of its
 * table's version (I5). Pure; live-hosting.ts follows what is live.
 */
import type { Definitions } from '../projection/definitions.ts';
import { versionOf } from '../projection/definitions.ts';
import type { Projection } from '../projection/projection.ts';
import { generationName, type Live } from './generations.ts';
import type { Hosted } from './worker-settings.ts';

/** What a worker asks: what to host, now and whenever that has changed. */
export type Hosting = {
  /** The same array until it is another hosting. */
  readonly current: () => readonly Hosted[];
  /** Calls `changed` after each change, until the signal aborts. Never rejects. */
  readonly follow: (changed: () => void, signal: AbortSignal) => Promise<void>;
};

/** Always the same, for one who builds a generation, and for tests. */
export function fixedHosting(hosted: readonly Hosted[]): Hosting {
  return { current: () => hosted, follow: () => Promise.resolve() };
}

/** One projection in this process. */
export type Place = {
  readonly present: Projection;
  readonly live: Live;
  /** Its totals are being repaired: nobody writes to it for a moment (totals-holds.ts). */
  readonly isHeld: boolean;
  /** Null: this build has no definition of the live version, or it is held. */
  readonly hosted: Hosted | null;
};

export function placeOf(definitions: Definitions, live: Live, isHeld: boolean): Place {
  const projection = versionOf(definitions, live.version);
  const isHosted = projection !== undefined && !isHeld;
  const hosted = isHosted ? { projection, generation: live.generation } : null;
  return { present: definitions.present, live, isHeld, hosted };
}

/** Above 0: what readers use is older than this build's definition; below 0: it is newer. */
export function versionsBehind({ present, live }: Place): number {
  return present.version - live.version;
}

export type PlaceSentence = { readonly level: 'info' | 'warn'; readonly text: string };

/** What people are to know of it, and what they can do. */
export function placeSentence(place: Place): PlaceSentence {
  const { present, live, isHeld, hosted } = place;
  const { name } = present;
  if (isHeld) {
    const text = `stands still with ${generationName(live)} while its totals are repaired, and then begins anew at its checkpoints`;
    return { level: 'info', text };
  }
  const behind = versionsBehind(place);
  if (hosted !== null && behind === 0) {
    return { level: 'info', text: `hosts ${generationName(live)}` };
  }
  const readers = `readers of ${name} use ${generationName(live)}`;
  if (hosted !== null) {
    return {
      level: 'warn',
      text: `hosts ${generationName(live)}: the definition is version ${present.version} by now; \`turnstream replay ${name}\` builds that one beside it and switches readers over`,
    };
  }
  if (behind > 0) {
    return {
      level: 'warn',
      text: `hosts nothing of ${name}: ${readers}, and this build has version ${present.version} only. Leave processes of the former build running, or put the former definition into formerVersions of projections/index.ts, until \`turnstream replay ${name}\` has built version ${present.version} and switched readers over`,
    };
  }
  return {
    level: 'warn',
    text: `hosts nothing of ${name}: ${readers}, and this build has version ${present.version} only. Start the build that has version ${live.version}, or go back with \`turnstream promote ${name} --back\``,
  };
}
