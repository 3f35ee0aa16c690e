/**
 * What kafkajs throws, as the project's errors. Whatever may pass by itself is retriable; a record
 * that is too large, a refused login or an unknown codec is not.
 */
import { messageOf, TurnstreamError } from '../error.ts';

const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
/** The broker's ways to say that a member is not, or no longer, of the group's generation. */
const fencing = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]);
const lasting = new Set([
  'KafkaJSNotImplemented',
  'KafkaJSSASLAuthenticationError',
  'KafkaJSUnsupportedMagicByteInMessageSet',
  'TypeError',
  'RangeError',
]);
const refused = /AUTHORIZATION_FAILED|INVALID_TOPIC|UNSUPPORTED_VERSION|INVALID_SESSION_TIMEOUT/;

type Named = { readonly name?: unknown; readonly type?: unknown; readonly cause?: unknown };

/** The error and what caused it, outermost first. */
function chainOf(thrown: unknown): readonly Named[] {
  const chain: Named[] = [];
  let current = thrown;
  while (typeof current === 'object' && current !== null && chain.length < 8) {
    const named: Named = current;
    chain.push(named);
    current = named.cause;
  }
  return chain;
}

export function typesOf(thrown: unknown): readonly string[] {
  return chainOf(thrown).flatMap(({ type }) => (typeof type === 'string' ? [type] : []));
}

export function isFencing(thrown: unknown): boolean {
  return typesOf(thrown).some((type) => fencing.has(type));
}

/** `doing` completes "… failed": "appending 3 records to t". */
export function logError(doing: string, thrown: unknown): TurnstreamError {
  if (thrown instanceof TurnstreamError) return thrown;
  const types = typesOf(thrown);
  if (types.some((type) => tooLarge.has(type))) {
    return new TurnstreamError(
      'LIMIT',
      `${doing} failed: the broker refuses a record of this size; raise max.message.bytes of the topic (and message.max.bytes of the broker)`,
      { cause: thrown },
    );
  }
  const retriable = !(
    types.some((type) => refused.test(type)) ||
    chainOf(thrown).some(({ name }) => typeof name === 'string' && lasting.has(name))
  );
  const advice = retriable
    ? 'it is worth another try; are the brokers up?'
    : 'it will not pass by itself';
  return new TurnstreamError('LOG', `${doing} failed: ${messageOf(thrown)}; ${advice}`, {
    retriable,
    cause: thrown,
  });
}

export function connectError(brokers: readonly string[], thrown: unknown): TurnstreamError {
  const asLogged = logError('connecting', thrown);
  return new TurnstreamError(
    'CONNECT',
    `no Kafka broker can be used at ${brokers.join(', ')}: ${messageOf(thrown)}; check that Kafka runs there, its address and the credentials`,
    { retriable: asLogged.retriable, cause: thrown },
  );
}
