/**
 * A build in another thread, by messages. From there: how far it is, at intervals, and why it can't go on. To there:
 * that it is to stop, or that nothing may be written any more.
 */
import type { Clock } from '../engine/clock.ts';
import type { Checkpoint } from '../engine/store.ts';
import { type ProjectionStatus, statusOf } from '../engine/worker-status.ts';
import { type ErrorCode, messageOf, TurnstreamError } from '../error.ts';
import type { Logger } from '../logger.ts';
import { type Build, type BuildScope, startBuild } from './build.ts';
import type { ReplayPorts, ReplaySettings } from './ports.ts';

/** Either end of a channel. Both ends are of one release: what comes is what the other one's types say. */
export type Peer = {
  readonly post: (message: unknown) => void;
  readonly listen: (listener: (message: unknown) => void) => void;
};

/** A partition that was begun, and where. */
type Held = Readonly<{ projection: string; partition: number; from: Checkpoint }>;

type Told =
  | {
      readonly kind: 'status';
      readonly statuses: readonly ProjectionStatus[];
      readonly held: readonly Held[];
    }
  | {
      readonly kind: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly retriable: boolean;
    }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: LogFields;
      readonly text: string;
    }
  | { readonly kind: 'stopped' };

type LogFields = Readonly<Record<string, unknown>>;

type Asked = { readonly kind: 'stop' } | { readonly kind: 'lost'; readonly message: string };

export type RemoteThread = {
  readonly peer: Peer;
  /** Rejects when the thread ends by itself. */
  readonly ended: Promise<never>;
  /** Ends it, whatever it does. */
  readonly terminate: () => Promise<unknown>;
};

export type RemoteDeps = {
  readonly clock: Clock;
  /** What the thread logs. */
  readonly logger: Logger;
  /** A thread that takes longer to stop is ended. */
  readonly stopMsMax: number;
};

/** The end that asks. */
export function remoteBuild(
  { peer, ended, terminate }: RemoteThread,
  scope: BuildScope,
  { clock, logger, stopMsMax }: RemoteDeps,
): Build {
  let last: readonly ProjectionStatus[] = [];
  const stopping = new AbortController();
  const ask = (asked: Asked) => peer.post(asked);
  const failed = new Promise<never>((_, reject) => {
    peer.listen((message) => {
      const told = message as Told;
      if (told.kind === 'status') {
        last = told.statuses;
        for (const { projection, partition, from } of told.held) {
          scope.observer?.held?.(projection, partition, from);
        }
      } else if (told.kind === 'log') {
        logger[told.level](told.fields, told.text);
      } else if (told.kind === 'failed') {
        reject(new TurnstreamError(told.code, told.message, { retriable: told.retriable }));
      } else {
        stopping.abort();
      }
    });
    ended.catch(reject);
  });
  failed.catch(() => stopping.abort());
  const lose = () => ask({ kind: 'lost', message: messageOf(scope.lost.reason) });
  if (scope.lost.aborted) lose();
  scope.lost.addEventListener('abort', lose, { once: true });
  return {
    status: ({ projection, id }) =>
      last.find((each) => each.projection === projection.name) ?? statusOf(id, [], null),
    failed,
    async stop() {
      scope.lost.removeEventListener('abort', lose);
      ask({ kind: 'stop' });
      await clock.delay(stopMsMax, stopping.signal);
      await terminate();
    },
  };
}

/** Lines of the end that builds come out at the other one, in its form. */
export function tellingLogger(peer: Peer, of: LogFields = {}): Logger {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, text: string) =>
    peer.post({ kind: 'log', level, fields: { ...of, ...fields }, text } satisfies Told);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => tellingLogger(peer, { ...of, ...fields }),
  };
}

/** The end that builds; resolves when it has stopped, or can't go on. */
export async function serveBuild(
  peer: Peer,
  ports: ReplayPorts,
  settings: ReplaySettings,
  { targets, options }: Pick<BuildScope, 'targets' | 'options'>,
): Promise<void> {
  const tell = (told: Told) => peer.post(told);
  const lost = new AbortController();
  const stop = new AbortController();
  peer.listen((message) => {
    const asked = message as Asked;
    if (asked.kind === 'stop') stop.abort();
    else lost.abort(new TurnstreamError('GENERATION', asked.message));
  });
  const begun: Held[] = [];
  const observer = {
    held: (projection: string, partition: number, from: Checkpoint) => {
      begun.push({ projection, partition, from });
      const fields = { projection, partition, offset: from.offset };
      ports.logger.info(fields, 'another thread of the replay has begun');
    },
  };
  const build = startBuild(ports, settings, { targets, options, lost: lost.signal, observer });
  build.failed.catch((thrown: unknown) => {
    const { code, retriable } =
      thrown instanceof TurnstreamError ? thrown : { code: 'LOG' as const, retriable: false };
    tell({ kind: 'failed', code, message: messageOf(thrown), retriable });
    stop.abort();
  });
  while (!stop.signal.aborted) {
    const statuses = targets.map((target) => build.status(target));
    tell({ kind: 'status', statuses, held: begun.splice(0) });
    await ports.clock.delay(settings.lookMs, stop.signal);
  }
  await build.stop();
  tell({ kind: 'stopped' });
}
