/**
 * The four facts as Avro binary, each in the field order of events.avsc. A fact is a branch of a
 * union whose branch 0 is null. Every writer reserves what its numbers can take; texts reserve
 * for themselves.
 */
import type {
  AgentTurnFact,
  Fact,
  FactChange,
  FactKind,
  HumanTurnFact,
  SessionFact,
  StepFact,
} from '../conversation/fact.ts';
import { assertNever } from '../error.ts';
import type { BinaryReader, BinaryWriter } from './binary.ts';

const sessionBranch = 1;
const humanTurnBranch = 2;
const agentTurnBranch = 3;
const stepBranch = 4;

export const kindsOfBranches = {
  [sessionBranch]: 'session',
  [humanTurnBranch]: 'humanTurn',
  [agentTurnBranch]: 'agentTurn',
  [stepBranch]: 'step',
} as const satisfies Readonly<Record<number, FactKind>>;

export type FactBranch = keyof typeof kindsOfBranches;

/** More than the numbers, branches and nulls between any two texts of a fact take. */
const numbersBytesMax = 128;

export function writeFact(writer: BinaryWriter, fact: Fact | null): void {
  writer.reserve(numbersBytesMax);
  if (fact === null) {
    writer.byte(0);
    return;
  }
  switch (fact.kind) {
    case 'session':
      writeSession(writer, fact);
      break;
    case 'humanTurn':
      writeHumanTurn(writer, fact);
      break;
    case 'agentTurn':
      writeAgentTurn(writer, fact);
      break;
    case 'step':
      writeStep(writer, fact);
      break;
    default:
      assertNever(fact);
  }
}

export function readFact(reader: BinaryReader): Fact | null {
  const branch = reader.long();
  if (branch === 0) return null;
  const kind = kindsOfBranches[branch as FactBranch];
  if (kind === undefined) throw new RangeError(`no fact has the number ${branch}`);
  return readFactOf(reader, kind);
}

/** What follows the number of the branch. */
export function readFactOf(reader: BinaryReader, kind: FactKind): Fact {
  switch (kind) {
    case 'session':
      return readSession(reader);
    case 'humanTurn':
      return readHumanTurn(reader);
    case 'agentTurn':
      return readAgentTurn(reader);
    case 'step':
      return readStep(reader);
  }
}

/** Both sides of a change are facts of one kind; one of them at least is there. */
export function factChange(before: Fact | null, after: Fact | null): FactChange {
  const kind = (after ?? before)?.kind;
  if (kind === undefined || (before !== null && before.kind !== kind)) {
    throw new RangeError('a change whose sides are not facts of one kind');
  }
  return { kind, before, after } as FactChange;
}

function writeSession(writer: BinaryWriter, fact: SessionFact): void {
  writer.byte(sessionBranch << 1);
  writer.string(fact.uid);
  writeText(writer, fact.accountUid);
  writeText(writer, fact.title);
  writer.reserve(numbersBytesMax);
  writeDouble(writer, fact.firstTurnAt);
  writeDouble(writer, fact.lastActivityAt);
  writer.long(fact.humanTurns);
  writer.long(fact.agentTurns);
  writer.long(fact.steps);
}

function readSession(reader: BinaryReader): SessionFact {
  return {
    kind: 'session',
    uid: reader.string(),
    accountUid: readText(reader),
    title: readText(reader),
    firstTurnAt: readDouble(reader),
    lastActivityAt: readDouble(reader),
    humanTurns: reader.long(),
    agentTurns: reader.long(),
    steps: reader.long(),
  };
}

function writeHumanTurn(writer: BinaryWriter, fact: HumanTurnFact): void {
  writer.byte(humanTurnBranch << 1);
  writer.string(fact.uid);
  writer.string(fact.sessionUid);
  writeText(writer, fact.parentUid);
  writeText(writer, fact.activeChild);
  writeText(writer, fact.prompt);
  writer.reserve(numbersBytesMax);
  writeDouble(writer, fact.createdAt);
  writeText(writer, fact.accountUid);
  writer.reserve(numbersBytesMax);
  writeInt(writer, fact.depth);
  writeDouble(writer, fact.answeredAt);
  writer.long(fact.answers);
  writer.long(fact.siblings);
}

function readHumanTurn(reader: BinaryReader): HumanTurnFact {
  return {
    kind: 'humanTurn',
    uid: reader.string(),
    sessionUid: reader.string(),
    parentUid: readText(reader),
    activeChild: readText(reader),
    prompt: readText(reader),
    createdAt: readDouble(reader),
    accountUid: readText(reader),
    depth: readInt(reader),
    answeredAt: readDouble(reader),
    answers: reader.long(),
    siblings: reader.long(),
  };
}

function writeAgentTurn(writer: BinaryWriter, fact: AgentTurnFact): void {
  writer.byte(agentTurnBranch << 1);
  writer.string(fact.uid);
  writer.string(fact.sessionUid);
  writeText(writer, fact.parentUid);
  writeText(writer, fact.activeChild);
  writer.reserve(numbersBytesMax);
  writeDouble(writer, fact.createdAt);
  writeText(writer, fact.accountUid);
  writer.reserve(numbersBytesMax);
  writeInt(writer, fact.depth);
  writeDouble(writer, fact.askedAt);
  writer.long(fact.steps);
  writeDouble(writer, fact.firstStepAt);
  writeDouble(writer, fact.firstVisibleStepAt);
  writeDouble(writer, fact.lastStepAt);
  writer.long(fact.attempt);
}

function readAgentTurn(reader: BinaryReader): AgentTurnFact {
  return {
    kind: 'agentTurn',
    uid: reader.string(),
    sessionUid: reader.string(),
    parentUid: readText(reader),
    activeChild: readText(reader),
    createdAt: readDouble(reader),
    accountUid: readText(reader),
    depth: readInt(reader),
    askedAt: readDouble(reader),
    steps: reader.long(),
    firstStepAt: readDouble(reader),
    firstVisibleStepAt: readDouble(reader),
    lastStepAt: readDouble(reader),
    attempt: reader.long(),
  };
}

function writeStep(writer: BinaryWriter, fact: StepFact): void {
  writer.byte(stepBranch << 1);
  writer.string(fact.agentTurnUid);
  writer.reserve(numbersBytesMax);
  writer.long(fact.idx);
  writeInt(writer, fact.tpe);
  writeText(writer, fact.content);
  writer.reserve(numbersBytesMax);
  writeDouble(writer, fact.createdAt);
  writer.string(fact.sessionUid);
  writeText(writer, fact.accountUid);
  writeText(writer, fact.humanTurnUid);
  writer.reserve(numbersBytesMax);
  writeDouble(writer, fact.askedAt);
  writeDouble(writer, fact.turnCreatedAt);
  writeDouble(writer, fact.previousStepAt);
  writeInt(writer, fact.previousStepTpe);
}

function readStep(reader: BinaryReader): StepFact {
  return {
    kind: 'step',
    agentTurnUid: reader.string(),
    idx: reader.long(),
    tpe: readInt(reader),
    content: readText(reader),
    createdAt: readDouble(reader),
    sessionUid: reader.string(),
    accountUid: readText(reader),
    humanTurnUid: readText(reader),
    askedAt: readDouble(reader),
    turnCreatedAt: readDouble(reader),
    previousStepAt: readDouble(reader),
    previousStepTpe: readInt(reader),
  };
}

function writeText(writer: BinaryWriter, value: string | null): void {
  writer.reserve(1);
  if (value === null) {
    writer.byte(0);
  } else {
    writer.byte(2);
    writer.string(value);
  }
}

function readText(reader: BinaryReader): string | null {
  return reader.branchIsNull() ? null : reader.string();
}

function writeDouble(writer: BinaryWriter, value: number | null): void {
  if (value === null) {
    writer.byte(0);
  } else {
    writer.byte(2);
    writer.double(value);
  }
}

function readDouble(reader: BinaryReader): number | null {
  return reader.branchIsNull() ? null : reader.double();
}

function writeInt(writer: BinaryWriter, value: number | null): void {
  if (value === null) {
    writer.byte(0);
  } else {
    writer.byte(2);
    writer.long(value);
  }
}

function readInt(reader: BinaryReader): number | null {
  return reader.branchIsNull() ? null : reader.long();
}
