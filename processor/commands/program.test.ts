import { describe, expect, test } from 'vitest';
import { commandDefinitions } from './definitions.ts';
import { settingsDocument } from './help.ts';
import { runProgram } from './program.ts';

type Ended = { readonly code: number; readonly out: string; readonly err: string };

async function turnstream(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  let out = '';
  let err = '';
  const code = await runProgram(args, {
    env,
    writeOut: (text) => {
      out += text;
    },
    writeErr: (text) => {
      err += text;
    },
    outIsTerminal: false,
    errIsTerminal: false,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

describe('the command line', () => {
  test('--help tells a stranger what there is, in which order, and how it ends', async () => {
    const { code, out, err } = await turnstream(['--help']);
    expect([code, err]).toEqual([0, '']);
    for (const { name } of commandDefinitions) expect(out).toContain(name.split(' ')[0]);
    expect(out).toContain('$ turnstream run --all');
    expect(out).toContain('Exit codes: 0 done; 1 failed');
  });

  test('every command has help with examples', async () => {
    for (const { name, examples } of commandDefinitions) {
      const { code, out } = await turnstream([...name.split(' '), '--help']);
      expect(code, name).toBe(0);
      expect(examples.length, name).toBeGreaterThan(0);
      for (const [line] of examples) expect(out).toContain(`$ ${line}`);
    }
  });

  test('an unknown command or option is a usage error with a suggestion', async () => {
    const command = await turnstream(['sequnce']);
    expect([command.code, command.out]).toEqual([2, '']);
    expect(command.err).toContain('Did you mean sequence?');
    const option = await turnstream(['lag', '--wathc']);
    expect(option.code).toBe(2);
    expect(option.err).toContain('Did you mean --watch?');
    expect((await turnstream([])).code).toBe(2);
    expect((await turnstream(['config', 'surplus'])).code).toBe(2);
  });

  test('an option’s value is checked like a setting’s', async () => {
    const watch = await turnstream(['lag', '--watch', 'often']);
    expect([watch.code, watch.out]).toEqual([2, '']);
    expect(watch.err).toContain('a number of seconds from 0.1 to 86400 is expected');
    const metrics = await turnstream(['sequence', '--metrics-port', 'any']);
    expect(metrics.code).toBe(2);
    expect(metrics.err).toContain('--metrics-port (TURNSTREAM_METRICS_PORT) must be');
  });

  test('all errors of the configuration come at once', async () => {
    const env = { TURNSTREAM_CQL_PORT: 'x', TURNSTREAM_LOG_LEVEL: 'loud' };
    const { code, out, err } = await turnstream(['config'], env);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('2 settings are wrong');
    expect(err).toContain('TURNSTREAM_CQL_PORT must be a whole number from 1 to 65535; it is "x".');
    expect(err).toContain('TURNSTREAM_LOG_LEVEL must be one of debug, info, warn, error');
  });

  test('an unknown projection is answered with the known ones', async () => {
    const { code, err } = await turnstream(['run', 'nonsense', 'steps_by_type_day']);
    expect(code).toBe(2);
    expect(err).toMatch(/^error: nonsense is no projection; there are: .*steps_by_type_day.*\.\n$/);
    expect((await turnstream(['run'])).code).toBe(2);
    expect((await turnstream(['run', '--all', 'steps_by_type_day'])).code).toBe(2);
  });

  test('config --json is JSON alone on stdout, masked, with origins', async () => {
    const env = { TURNSTREAM_POSTGRES_PASSWORD: 'hunter2', TURNSTREAM_METRICS_PORT: '1' };
    const { code, out, err } = await turnstream(['config', '--json', '--metrics-port', '2'], env);
    expect([code, err]).toEqual([0, '']);
    const shown = JSON.parse(out);
    expect(shown.TURNSTREAM_POSTGRES_PASSWORD).toEqual({
      value: '********',
      origin: 'environment',
    });
    expect(shown.TURNSTREAM_METRICS_PORT).toEqual({ value: '2', origin: 'option' });
    expect(out).not.toContain('hunter2');
  });

  test('a variable with a slip of the pen is warned about, as JSON when nobody watches', async () => {
    const { code, err } = await turnstream(['config'], { TURNSTREAM_KAFKA_BROKER: 'kafka:9092' });
    expect(code).toBe(0);
    expect(JSON.parse(err)).toMatchObject({
      level: 'warn',
      msg: 'TURNSTREAM_KAFKA_BROKER is no setting and has no effect; TURNSTREAM_KAFKA_BROKERS may be meant.',
    });
  });
});

test('docs/settings.md lists the settings as they are', async () => {
  await expect(settingsDocument()).toMatchFileSnapshot('../../docs/settings.md');
});
