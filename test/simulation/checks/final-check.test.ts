import { expect, test } from 'vitest';
import { countsByAccount, everything, slots } from '../projections.ts';
import { checkFinal, type FinalState } from './final-check.ts';
import { SmallWorld } from './small-world.ts';

function played(): SmallWorld {
  const world = new SmallWorld([everything, countsByAccount, slots]);
  world.change('sessions', 's1', { accountUid: 'x' });
  world.change('human_turns', 'h1', { createdAt: 5 });
  // Before its sibling, so they change places.
  world.change('human_turns', 'h2', { createdAt: 2 });
  world.change('human_turns', 'h3', { sessionUid: null, prompt: 'kept aside' });
  world.change('agent_turns', 'a1', { parentUid: 'h1' });
  world.change('steps', { agentTurnUid: 'a1', idx: 0 }, { content: 'one' });
  world.change('steps', { agentTurnUid: 'a9', idx: 3 }, { content: 'parked' });
  world.change('steps', { agentTurnUid: 'a1', idx: 1 }, {});
  world.change('steps', { agentTurnUid: 'a1', idx: 1 }, null);
  world.heartbeat();
  world.workAll();
  expect(world.violations).toEqual([]);
  return world;
}

function told(world: SmallWorld, changes: Partial<FinalState> = {}): readonly string[] {
  world.violations.length = 0;
  checkFinal(world.context, world.events, world.end(changes));
  return world.violations.map(({ what }) => what);
}

test('a world at rest agrees with its source', () => {
  expect(told(played())).toEqual([]);
});

test('each read model is the projection of the final facts', () => {
  const world = played();
  const { models } = world.end();
  const without = (name: string) =>
    models.map((model) =>
      model.projection.name === name ? { ...model, rows: model.rows.slice(1) as never } : model,
    );
  for (const { projection } of models) {
    const [what] = told(world, { models: without(projection.name) });
    expect(what).toContain(`of ${projection.name}`);
  }
});

test('the events end in the facts of the final rows', () => {
  const world = played();
  const { source } = world.end();
  const sessions = source.sessions.map((session) => ({ ...session, title: 'other' }));
  const [what] = told(world, { source: { ...source, sessions } });
  expect(what).toContain('session s1: title is null, must be "other"');
});

test.each([
  ['step a1/0 in s:s1', 's:s1', 'step', 'content is "wrong", must be "one"'],
  ['step a9/3 in t:a9', 't:a9', 'step', 'content is "wrong", must be "parked"'],
  ['humanTurn h3 in n:human:h3', 'n:human:h3', 'humanTurn', 'prompt is "wrong", must be "kept'],
])('the state of %s is its row', (place, container, kind, difference) => {
  const world = played();
  const { state } = world.end();
  const isIt = (one: (typeof state)[number]) =>
    one.container === container && one.row.kind === kind && one.row.present;
  expect(told(world, { state: state.filter((one) => !isIt(one)) })).toEqual([
    `at the end, state of ${place} is missing`,
  ]);
  const wrong = state.map((one) =>
    isIt(one) ? { ...one, row: { ...one.row, text: 'wrong' } } : one,
  );
  expect(told(world, { state: wrong })[0]).toContain(difference);
  const elsewhere = state.map((one) => (isIt(one) ? { ...one, container: 's:s7' } : one));
  expect(told(world, { state: elsewhere })[0]).toContain('must not be there');
});

test('nothing that is gone is present in the state', () => {
  const world = played();
  const state = world.end().state.map((one) => ({ ...one, row: { ...one.row, present: true } }));
  expect(told(world, { state }).some((what) => what.includes('step a1/1 in s:s1'))).toBe(true);
});

test('families have their members, their number and their last', () => {
  const world = played();
  const { state } = world.end();
  const isChild = ({ row }: (typeof state)[number]) => row.kind === 'child' && row.uid === 'human';
  const withoutMember = state.filter((one) => !(isChild(one) && one.row.other === 'h2'));
  expect(told(world, { state: withoutMember })[0]).toContain('must have ["h1","h2"]');
  const counted = state.map((one) =>
    isChild(one) && one.row.idx === 0 ? { ...one, row: { ...one.row, body: '[7,5,"h1"]' } } : one,
  );
  expect(told(world, { state: counted })[0]).toContain('count is 7, must be 2');
});

test('hints lead to every present turn, those without a session too', () => {
  const world = played();
  const { hints } = world.end();
  const without = (uid: string) => hints.filter((hint) => hint.uid !== uid);
  expect(told(world, { hints: without('a1') })[0]).toContain('agent turn a1 in session s1');
  expect(told(world, { hints: without('h3') })[0]).toContain('human turn h3 outside of sessions');
  // One too many costs a look.
  expect(
    told(world, { hints: [...hints, { role: 'human', uid: 'h1', sessionUid: 's8' }] }),
  ).toEqual([]);
});
