import { errors, types } from 'cassandra-driver';
import { expect, test } from 'vitest';
import { TurnstreamError } from '../error.ts';
import { cqlConnectError, storeError } from './errors.ts';

const { responseErrorCodes: codes } = types;
const refused = new errors.ResponseError(codes.unauthorized, 'no');
const absent = new Error('connect ECONNREFUSED');
const broken = Object.assign(new Error('Socket was closed'), { isSocketError: true });

test.each([
  [new errors.ResponseError(codes.writeTimeout, 'late'), true],
  [new errors.ResponseError(codes.readTimeout, 'late'), true],
  [new errors.ResponseError(codes.unavailableException, 'one of two'), true],
  [new errors.ResponseError(codes.overloaded, 'busy'), true],
  [new errors.ResponseError(codes.writeFailure, 'disk'), true],
  [new errors.ResponseError(codes.readFailure, 'disk'), true],
  [new errors.OperationTimedOutError('late'), true],
  [new errors.BusyConnectionError('a', 1, 1), true],
  [broken, true],
  [new errors.NoHostAvailableError({ 'a:9042': absent }), true],
  [new errors.NoHostAvailableError({ 'a:9042': refused, 'b:9042': absent }), true],
  [new errors.NoHostAvailableError({ 'a:9042': refused }), false],
  [refused, false],
  [new errors.ResponseError(codes.invalid, 'unknown column'), false],
  [new errors.ResponseError(codes.syntaxError, 'near'), false],
  [new errors.ArgumentError('bad'), false],
  [new TypeError('bad'), false],
])('%s: retriable is %s', (thrown, retriable) => {
  expect(storeError('writing', thrown)).toMatchObject({ code: 'STORE', retriable, cause: thrown });
});

test('an error of the project passes as it is', () => {
  const error = new TurnstreamError('SCHEMA', 'no such table');
  expect(storeError('writing', error)).toBe(error);
});

test('what the nodes answered is told', () => {
  const error = cqlConnectError(['a'], new errors.NoHostAvailableError({ 'a:9042': absent }));
  expect(error.message).toContain('a:9042: connect ECONNREFUSED');
});
