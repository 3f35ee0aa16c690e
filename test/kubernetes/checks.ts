/**
 * What an installation has to stand: rows flow, each pod may go, replay and verification, a projection off and on,
 * removal. Rows that are written once are proven again after every step.
 */
import { join } from 'node:path';
import { repositoryDir } from '../../local/settings.ts';
import type { Report } from './report.ts';
import { eventually } from './run.ts';

export type Cluster = {
  /** In the namespace of the test. */
  readonly kubectl: (args: readonly string[]) => Promise<string>;
  readonly helm: (args: readonly string[]) => Promise<string>;
};

type Pod = {
  readonly metadata: { readonly uid: string; readonly name: string };
  readonly status: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly { readonly restartCount: number }[];
  };
};

const release = 'turnstream';
const chart = join(repositoryDir, 'helm', 'turnstream');
const waitMs = 900_000;
const patience = ['--wait', '--timeout', '30m'];
const kinds = [
  'scylla',
  'kafka',
  'postgres',
  'registry',
  'connect',
  'sequencer',
  'worker',
] as const;
const ofRelease = `app.kubernetes.io/instance=${release}`;

export async function checkChart(
  { kubectl, helm }: Cluster,
  report: Report,
  values: readonly string[],
): Promise<void> {
  let written = 0;
  const turnstream = (...args: readonly string[]) => inSequencer('turnstream', ...args);
  const inSequencer = (...command: readonly string[]) =>
    kubectl(['exec', `deploy/${release}-sequencer`, '--container', 'sequencer', '--', ...command]);
  const script = (text: string) => inSequencer('node', '--input-type=module', '--eval', text);
  const write = async () => {
    await script(writing(written));
    written += 1;
  };
  const proven = async () => {
    const found = (await script(counting)).trim();
    if (found !== String(written))
      throw new Error(`${found} of ${written} sessions are in Postgres`);
    report.say((await turnstream('verify')).trim());
  };

  await report.step('helm install', () =>
    helm(['install', release, chart, ...values, ...patience, '--wait-for-jobs']),
  );
  await report.step('every claim is bound', async () => {
    report.say(await kubectl(['get', 'pods,jobs,pvc', '--selector', ofRelease]));
    const claims = await kubectl(['get', 'pvc', '--no-headers']);
    const lines = claims.trim().split('\n');
    if (lines.length !== 3 || lines.some((line) => !/\sBound\s/.test(line))) {
      throw new Error('three were to be bound');
    }
  });
  await report.step('helm test', async () => {
    report.say(await helm(['test', release, '--logs', '--timeout', '15m']));
  });
  await report.step('turnstream lag answers', async () => report.say(await turnstream('lag')));
  await report.step('rows are written, and proven equal', async () => {
    await write();
    await proven();
  });
  for (const kind of kinds) {
    await report.step(`a pod of ${kind} is deleted and comes back, nothing is lost`, async () => {
      await deleteOne(kubectl, kind);
      await write();
      report.say((await turnstream('check-flow', '--timeout', '300')).trim());
      await proven();
      await haveNotRestarted(kubectl);
    });
  }
  for (const name of ['verify', 'replay']) {
    await report.step(`the suspended CronJob ${name} can be started`, async () => {
      const job = `${name}-by-hand`;
      await kubectl(['create', 'job', `--from=cronjob/${release}-${name}`, job]);
      await jobEnds(kubectl, job);
      report.say(await kubectl(['logs', `job/${job}`]));
    });
  }
  const toggle = (isOn: boolean) =>
    helm([
      'upgrade',
      release,
      chart,
      '--reuse-values',
      '--set',
      `projections.turns_by_account.enabled=${isOn}`,
      ...patience,
    ]);
  const worker = `deployment.apps/${release}-worker-turns-by-account`;
  const workers = () => kubectl(['get', 'deployments', '--output', 'name']);
  await report.step('helm upgrade takes one projection away, the others go on', async () => {
    const before = await podsOf(kubectl, 'sequencer');
    await toggle(false);
    if ((await workers()).includes(worker)) throw new Error(`${worker} is there still`);
    const after = await podsOf(kubectl, 'sequencer');
    if (after[0]?.metadata.uid !== before[0]?.metadata.uid)
      throw new Error('the sequencer was replaced');
    await write();
    await turnstream('check-flow', 'steps_by_type_day', 'latency_histogram', '--timeout', '300');
  });
  await report.step('it comes back, and has what was written meanwhile', async () => {
    await toggle(true);
    if (!(await workers()).includes(worker)) throw new Error(`${worker} is not there`);
    await turnstream('check-flow', '--timeout', '300');
    await proven();
  });
  await report.step('helm uninstall leaves the volumes, and nothing that runs', async () => {
    await helm(['uninstall', release, '--wait', '--timeout', '10m']);
    await eventually('the end of the pods', waitMs, async () => {
      const pods = await kubectl(['get', 'pods', '--selector', ofRelease, '--output', 'name']);
      // The pod of `helm test` is not a part of the release, and has ended.
      const left = pods.split('\n').filter((name) => name !== '' && !name.includes('test-flow'));
      return left.length === 0 ? null : left.join(', ');
    });
    const claims = (await kubectl(['get', 'pvc', '--output', 'name'])).trim().split('\n');
    if (claims.length !== 3) throw new Error(`claims are ${claims.join(', ')}`);
  });
}

/** Everything that helps to see why a step failed. */
export async function describeCluster({ kubectl }: Cluster, report: Report): Promise<void> {
  const ask = async (...args: readonly string[]) =>
    report.say(await kubectl(args).catch((thrown: unknown) => String(thrown)));
  await ask('get', 'pods,jobs,pvc', '--output', 'wide');
  await ask('get', 'events', '--sort-by=.lastTimestamp');
  const each = [
    '--all-containers',
    '--prefix',
    '--tail=30',
    '--max-log-requests=40',
    '--ignore-errors',
  ];
  await ask('logs', '--selector', ofRelease, ...each);
}

async function podsOf(kubectl: Cluster['kubectl'], kind: string): Promise<readonly Pod[]> {
  const selector = `${ofRelease},app.kubernetes.io/component=${kind}`;
  const text = await kubectl(['get', 'pods', '--selector', selector, '--output', 'json']);
  return (JSON.parse(text) as { readonly items: readonly Pod[] }).items;
}

function isReady({ status }: Pod): boolean {
  return (
    status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') === true
  );
}

async function deleteOne(kubectl: Cluster['kubectl'], kind: string): Promise<void> {
  const before = await podsOf(kubectl, kind);
  const [gone] = before;
  if (gone === undefined) throw new Error(`there is no pod of ${kind}`);
  await kubectl(['delete', 'pod', gone.metadata.name, '--timeout=10m']);
  await eventually(`another pod of ${kind}`, waitMs, async () => {
    const now = await podsOf(kubectl, kind);
    const ready = now.filter((pod) => pod.metadata.uid !== gone.metadata.uid && isReady(pod));
    return ready.length === before.length ? null : `${ready.length} of ${before.length} are ready`;
  });
}

/** What they need may go: sequencer and workers wait for it, and are not replaced in place. */
async function haveNotRestarted(kubectl: Cluster['kubectl']): Promise<void> {
  for (const kind of ['sequencer', 'worker']) {
    for (const { metadata, status } of await podsOf(kubectl, kind)) {
      const restarts = status.containerStatuses?.[0]?.restartCount ?? 0;
      if (restarts > 0) throw new Error(`${metadata.name} has restarted ${restarts} times`);
    }
  }
}

/** `kubectl wait` would wait for completion also after a failure. */
async function jobEnds(kubectl: Cluster['kubectl'], job: string): Promise<void> {
  let failure: string | null = null;
  await eventually(`the end of ${job}`, waitMs, async () => {
    const text = await kubectl(['get', 'job', job, '--output', 'json']);
    const { status } = JSON.parse(text) as Pod;
    const states = (status.conditions ?? []).filter(({ status: value }) => value === 'True');
    if (states.some(({ type }) => type === 'Complete')) return null;
    if (!states.some(({ type }) => type === 'Failed')) return 'it runs';
    failure = await kubectl(['logs', `job/${job}`]);
    return null;
  });
  if (failure !== null) throw new Error(`${job} failed:\n${failure}`);
}

const client = `import pg from 'pg';
const env = (name) => process.env['TURNSTREAM_POSTGRES_' + name];
const client = new pg.Client({ host: env('HOST'), port: Number(env('PORT')), database: env('DATABASE'), user: env('USER'), password: env('PASSWORD') });
await client.connect();
`;

const counting = `${client}
const { rows } = await client.query("SELECT count(*)::int AS count FROM sessions WHERE uid LIKE 'kept-%'");
console.log(rows[0].count);
await client.end();`;

/** The next of the sessions that stay, in one transaction. */
function writing(number: number): string {
  const session = `kept-${number}`;
  const statements = [
    `INSERT INTO sessions (uid, account_uid, title) VALUES ('${session}', 'kept', 'Stays')`,
    `INSERT INTO human_turns (uid, session_uid, prompt, created_at) VALUES ('${session}-h', '${session}', 'A question', now())`,
    `INSERT INTO agent_turns (uid, session_uid, parent_uid, created_at) VALUES ('${session}-a', '${session}', '${session}-h', now())`,
    `INSERT INTO steps (agent_turn_uid, idx, tpe, content, created_at) SELECT '${session}-a', n, 1, 'Step ' || n, now() FROM generate_series(0, 2) AS n`,
  ];
  return `${client}await client.query(${JSON.stringify(statements.join('; '))});\nawait client.end();`;
}
