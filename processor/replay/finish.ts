/**
 * What happens to a generation that is built: it is verified, promoted by one conditional write, and
 * what nobody reads any more is dropped. Until the promotion readers see nothing of it. The build goes
 * on meanwhile, so that readers who are switched find it up to date.
 */
import { type GenerationId, generationName, type Live } from '../engine/generations.ts';
import { TurnstreamError } from '../error.ts';
import type { Target } from './choose.ts';
import { dropFormer } from './dropping.ts';
import type { Leases } from './leases.ts';
import type {
  Phase,
  ReplayOptions,
  ReplayOutcome,
  ReplayPorts,
  ReplaySettings,
  Verification,
} from './ports.ts';

export type Finished = {
  readonly outcome: ReplayOutcome;
  readonly verification: Verification | null;
  readonly dropped: readonly string[];
  readonly message: string;
};

export type Finishing = {
  readonly target: Target;
  readonly deadLetters: number;
  readonly options: ReplayOptions;
  readonly leases: Pick<Leases, 'confirm' | 'lost'>;
  /** Aborted when the replay is to stop. */
  readonly signal: AbortSignal;
  readonly enter: (phase: Phase) => void;
};

export async function finish(
  ports: ReplayPorts,
  settings: ReplaySettings,
  finishing: Finishing,
): Promise<Finished> {
  const { target, deadLetters, options, enter } = finishing;
  const { generations, clock } = ports;
  const name = generationName(target.id);
  const left = async (outcome: ReplayOutcome, message: string, verification = null) => {
    await generations.built(target.id, clock.nowMs());
    return { outcome, verification, dropped: [], message } as Finished;
  };
  if (options.until !== null) return await left('built', `${name} is complete; it is not promoted`);
  if (deadLetters > 0 && !options.acceptDeadLetters) {
    const text = `${name} lacks ${deadLetters} events that its function threw on, so it is not promoted: mend the function and replay again, or replay with --accept-dead-letters (\`turnstream dead-letters list ${target.projection.name}\` lists those of the live generation)`;
    return await left('degraded', text);
  }
  const verification = await verified(ports, finishing);
  if (verification !== null && !verification.equal) {
    await generations.built(target.id, clock.nowMs());
    const message = `${name} differs from Postgres, so it is not promoted: ${verification.summary}`;
    return { outcome: 'different', verification, dropped: [], message };
  }
  if (!options.promote) {
    await generations.built(target.id, clock.nowMs());
    const message = `${name} is up to date and not promoted; \`turnstream promote\` does that`;
    return { outcome: 'built', verification, dropped: [], message };
  }
  enter('promoting');
  await promote(ports, finishing);
  const { keep } = options;
  const keeping = { nowMs: clock.nowMs(), keep, dropDelayMs: settings.dropDelayMs };
  const dropped = await dropFormer(ports, target.projection, keeping);
  const message = `${name} is what readers use now`;
  return { outcome: 'promoted', verification, dropped, message };
}

async function verified(
  { verify, logger }: ReplayPorts,
  { target, options, signal, enter }: Finishing,
): Promise<Verification | null> {
  const name = generationName(target.id);
  if (!options.verify) {
    const text = `${name} is NOT verified, since --no-verify was given: nothing says that it equals Postgres`;
    logger.warn({ table: name }, text);
    return null;
  }
  if (verify === null) {
    throw new TurnstreamError(
      'CONFIGURATION',
      `${name} is built, but this build of Turnstream cannot verify it; start again with --no-verify to promote it as it is`,
    );
  }
  enter('verifying');
  return await verify(target.id, target.projection, signal);
}

async function promote(
  { generations, clock, logger }: ReplayPorts,
  { target, leases, signal }: Finishing,
): Promise<void> {
  const { name } = target.projection;
  const from = (await generations.live([name])).get(name) ?? null;
  leases.lost.throwIfAborted();
  if (!(await leases.confirm())) throw overtaken(target.id, null);
  if (signal.aborted)
    throw new TurnstreamError('GENERATION', `${name} was stopped before its promotion`);
  const table = generationName(target.id);
  // The same decision says that it is built: after a kill before it the next replay goes on with this one.
  if (!(await generations.promote(target.id, from, clock.nowMs()))) {
    // Whole, and for people to decide about.
    await generations.built(target.id, clock.nowMs());
    throw overtaken(target.id, from);
  }
  logger.info({ projection: name, table, from: from && generationName(from) }, 'promoted');
}

function overtaken(id: GenerationId, from: Live | null): TurnstreamError {
  const why =
    from === null ? 'another replay has its lease' : 'somebody else has promoted another one';
  return new TurnstreamError(
    'GENERATION',
    `${generationName(id)} is built, but was not promoted, since ${why} meanwhile: look at \`turnstream generations ${id.projection}\`, and promote it if it is wanted`,
  );
}
