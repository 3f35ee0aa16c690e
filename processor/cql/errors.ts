/**
 * What the driver throws, as the project's errors. Time-outs, absent or overloaded nodes and failed
 * replicas are retriable: the same write again is harmless, whether or not it was applied (I2).
 */
import { errors, types } from 'cassandra-driver';
import { messageOf, TurnstreamError } from '../error.ts';

const { responseErrorCodes } = types;

const lastingCodes = new Set<number>([
  responseErrorCodes.badCredentials,
  responseErrorCodes.syntaxError,
  responseErrorCodes.unauthorized,
  responseErrorCodes.invalid,
  responseErrorCodes.configError,
  responseErrorCodes.alreadyExists,
  responseErrorCodes.functionFailure,
  responseErrorCodes.truncateError,
]);

/** `doing` completes "… failed": "writing 3 rows to t". */
export function storeError(doing: string, thrown: unknown): TurnstreamError {
  if (thrown instanceof TurnstreamError) return thrown;
  const retriable = isRetriable(thrown);
  const advice = retriable ? 'it is worth another try' : 'it will not pass by itself';
  const why = reasonOf(thrown);
  return new TurnstreamError('STORE', `${doing} failed: ${why}; ${advice}`, {
    retriable,
    cause: thrown,
  });
}

export function cqlConnectError(
  contactPoints: readonly string[],
  thrown: unknown,
): TurnstreamError {
  return new TurnstreamError(
    'CONNECT',
    `no CQL node can be used at ${contactPoints.join(', ')}: ${reasonOf(thrown)}; check that Cassandra or ScyllaDB runs there, its port, the local data centre and the credentials`,
    { retriable: isRetriable(thrown), cause: thrown },
  );
}

function isRetriable(thrown: unknown): boolean {
  if (thrown instanceof errors.ResponseError) return !lastingCodes.has(thrown.code);
  if (thrown instanceof errors.NoHostAvailableError) {
    const inner: unknown[] = Object.values(thrown.innerErrors ?? {});
    return inner.length === 0 || inner.some((one) => !isLasting(one));
  }
  return (
    thrown instanceof errors.OperationTimedOutError ||
    thrown instanceof errors.BusyConnectionError ||
    isLostConnection(thrown)
  );
}

/** The driver has no class for a request whose connection broke before its answer came. */
function isLostConnection(thrown: unknown): boolean {
  return thrown instanceof Error && 'isSocketError' in thrown && thrown.isSocketError === true;
}

function isLasting(thrown: unknown): boolean {
  if (thrown instanceof errors.ResponseError) return lastingCodes.has(thrown.code);
  return thrown instanceof errors.AuthenticationError || thrown instanceof errors.ArgumentError;
}

/** The nodes' own words, where the driver only counts them. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof errors.NoHostAvailableError)) return messageOf(thrown);
  const inner = Object.entries(thrown.innerErrors ?? {});
  const reasons = inner.map(([host, error]) => `${host}: ${messageOf(error)}`);
  return reasons.length === 0 ? messageOf(thrown) : reasons.join(', ');
}
