/** What a thread of a replay does (bin/replay-thread.mjs): the same build as its main thread, by messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { projections } from '../../projections/index.ts';
import { serveBuild, tellingLogger } from '../replay/remote-build.ts';
import { openReplay } from './open-replay.ts';
import { peerOf, type ThreadTask } from './replay-threads.ts';

const { config, threads, targets, options } = workerData as ThreadTask;
if (parentPort === null) throw new Error('this is a thread of `turnstream replay`');
const peer = peerOf(parentPort);
const hosted = targets.map(({ id, isNew }) => {
  const projection = projections.find(({ name }) => name === id.projection);
  if (projection === undefined) throw new Error(`there is no projection ${id.projection}`);
  return { projection, id, isNew };
});
const opened = await openReplay(
  config,
  hosted.map(({ projection }) => projection),
  tellingLogger(peer),
  threads,
);
try {
  await serveBuild(peer, opened.ports, opened.settings, { targets: hosted, options });
} finally {
  await opened.close();
  parentPort.close();
}
