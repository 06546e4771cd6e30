// The circuit of one system: what opens it, who may try the system meanwhile, what closes it, for all calls and for
// writes alone. Its clock is set by hand.
import { beforeEach, describe, expect, it } from 'vitest';
import { LONGEST_PAUSE } from '../../../engine/connectors/breaker.ts';
import { type Circuit, createCircuit } from '../../../engine/connectors/circuit.ts';
import { type ErrorCode, type ErrorContext, TandemError } from '../../../engine/errors.ts';

let clock = 0;
let states: string[] = [];
let circuit: Circuit;

beforeEach(() => {
  clock = 0;
  states = [];
  circuit = createCircuit('shop', { now: () => clock, onChange: ({ state }) => states.push(state) });
});

const failure = (code: ErrorCode, context: ErrorContext = {}): TandemError => new TandemError(code, 'x', context);
const coded = (code: string): Error => Object.assign(new Error(code), { code });
const refused = failure('SYSTEM_UNREACHABLE', { cause: coded('ECONNREFUSED') });
const call = (error?: TandemError, address = 'GET /one') => circuit.enter('read').ended(error, address);
const calls = (count: number, error?: TandemError): void => {
  for (let i = 0; i < count; i++) call(error, `GET /${i}`);
};
const write = (error?: TandemError, address = 'PATCH /one') => circuit.enter('write').ended(error, address);
const writes = (count: number, error?: TandemError): void => {
  for (let i = 0; i < count; i++) write(error, `PATCH /${i}`);
};
const refusal = (effect: 'read' | 'write' = 'read'): TandemError => {
  try {
    circuit.enter(effect);
  } catch (error) {
    return error as TandemError;
  }
  throw new Error('the call may go');
};

describe('opens', () => {
  it('the circuit opens after four calls in a row that reached no system, whatever they asked for', () => {
    for (let i = 0; i < 3; i++) call(refused);
    expect(circuit.open).toBe(false);
    call(refused);
    expect(circuit.open).toBe(true);
    expect(states).toEqual(['down']);
  });

  it.each([
    ['server errors', failure('SYSTEM_UNAVAILABLE', { status: 500 })],
    ['a gateway without a system behind it', failure('SYSTEM_UNAVAILABLE', { status: 503 })],
    ['timeouts of reads', failure('SYSTEM_UNREACHABLE', { cause: coded('UND_ERR_HEADERS_TIMEOUT') })],
    ['answers that cannot be read', failure('SYSTEM_BAD_RESPONSE')],
  ])(
    'the circuit opens after %s of four addresses in a row, not of one: that may be the fault of one record',
    (_, error) => {
      for (let i = 0; i < 50; i++) call(error, 'GET /bad');
      expect(circuit.open).toBe(false);
      calls(2, error);
      expect(circuit.open).toBe(false);
      call(error, 'GET /another');
      expect(circuit.open).toBe(true);
    },
  );

  it.each([
    ['refused records', failure('SYSTEM_REJECTED', { status: 422 })],
    ['asked to slow down', failure('SYSTEM_THROTTLED', { status: 429 })],
    ['refused credentials', failure('SYSTEM_AUTH', { status: 401 })],
    ['not asked at all: quota', failure('SYSTEM_THROTTLED')],
    ['not asked at all: our own fault', failure('INTERNAL')],
  ])('the circuit never opens for calls with this result: %s', (_, error) => {
    calls(50, error);
    expect(circuit.open).toBe(false);
  });

  it('the circuit does not open when one call in between gets a response', () => {
    calls(3, refused);
    call(failure('SYSTEM_REJECTED', { status: 422 }));
    calls(3, refused);
    expect(circuit.open).toBe(false);
  });
});

describe('open', () => {
  beforeEach(() => calls(4, refused));

  it('an open circuit refuses a call at once, and says when to come again', () => {
    expect(refusal()).toMatchObject({ code: 'SYSTEM_DOWN', retry: 'quota' });
    expect(refusal().context.retryAfter).toBeGreaterThanOrEqual(1_000);
    expect(refusal().context.retryAfter).toBeLessThanOrEqual(1_250);
  });

  it('an open circuit lets one call try when the pause is over, and the others wait meanwhile', () => {
    clock = 1_000;
    expect(circuit.retryAfter()).toBe(0);
    circuit.enter('read');
    expect(refusal().code).toBe('SYSTEM_DOWN');
    // It never came back: the next one goes after the next pause.
    clock += 2_000;
    circuit.enter('read');
  });

  it('an open circuit doubles its pause, up to a bound', () => {
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      pauses.push(circuit.retryAfter());
      clock += circuit.retryAfter();
      call(refused);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]);
  });

  it('an open circuit closes after one response, also after a refusal', () => {
    clock = 1_000;
    call(failure('SYSTEM_REJECTED', { status: 422 }));
    expect(circuit.open).toBe(false);
    expect(states).toEqual(['down', 'up']);
    calls(3, refused);
    expect(circuit.open).toBe(false);
  });

  it('an open circuit lets the next call try at once if the last try did not ask the system', () => {
    clock = 1_000;
    call(failure('SYSTEM_THROTTLED'));
    expect(circuit.open).toBe(true);
    expect(circuit.retryAfter()).toBe(0);
  });

  it('an open circuit ignores calls that were under way when it opened', () => {
    circuit = createCircuit('shop', { now: () => clock });
    const late = Array.from({ length: 20 }, () => circuit.enter('read'));
    for (const passage of late.slice(0, 5)) passage.ended(refused, 'GET /');
    clock = 900;
    for (const passage of late.slice(5)) passage.ended(refused, 'GET /');
    expect(circuit.retryAfter()).toBe(100);
  });

  it('a circuit that opens again soon after it closed goes on with longer pauses', () => {
    clock = 1_000;
    call();
    clock += 1_000;
    calls(4, refused);
    expect(circuit.retryAfter()).toBe(4_000);
    clock += 4_000;
    call();
    clock += 61_000;
    calls(4, refused);
    expect(circuit.retryAfter()).toBe(1_000);
  });

  it('a circuit opens no more for records that fail by themselves once the system works in between', () => {
    const failed = failure('SYSTEM_UNAVAILABLE', { status: 500 });
    circuit = createCircuit('shop', { now: () => clock });
    /** How many fail before it opens, @returns none where it never does. */
    const failing = (records: number): number | undefined => {
      for (let i = 1; i <= records; i++) {
        call(failed, `GET /bad/${i}`);
        if (circuit.open) return i;
      }
      return undefined;
    };
    const back = (): void => {
      clock += circuit.retryAfter();
      call();
    };
    expect(failing(20)).toBe(4);
    back();
    expect(failing(20)).toBe(16);
    back();
    // Now they are tried, counted and given up like any other.
    for (let i = 0; i < 12; i++) expect(failing(20)).toBeUndefined();
    // One that cannot be reached is not taken for that.
    calls(4, refused);
    expect(circuit.open).toBe(true);
    back();
    clock += 61_000;
    expect(failing(20)).toBe(4);
  });

  it('an open circuit states since when it is open, and when the next try is', () => {
    const { state, at, since, next } = circuit.status();
    expect(state).toBe('down');
    expect(at).toBeLessThanOrEqual(Date.now());
    expect(next! - since!).toBeGreaterThanOrEqual(1_000);
  });
});

describe('writes', () => {
  const unavailable = failure('SYSTEM_UNAVAILABLE', { status: 503 });

  it.each([
    ['a gateway without a system behind it', unavailable],
    ['creates that it was not ready for', failure('OUTCOME_UNKNOWN', { status: 503 })],
    ['timeouts', failure('SYSTEM_UNAVAILABLE', { cause: coded('UND_ERR_HEADERS_TIMEOUT') })],
    ['creates whose answer was lost', failure('OUTCOME_UNKNOWN', { cause: coded('ECONNRESET') })],
    ['answers that cannot be read', failure('SYSTEM_UNAVAILABLE')],
  ])('pause after %s of four records in a row, whatever reads are answered in between, and reads go on', (_, error) => {
    for (let i = 0; i < 50; i++) write(error, 'PATCH /bad');
    for (let i = 0; i < 3; i++) {
      expect(circuit.writes.open).toBe(false);
      call();
      write(error, `PATCH /${i}`);
    }
    expect(circuit.writes.open).toBe(true);
    expect(states).toEqual(['read-only']);
    expect(refusal('write')).toMatchObject({ code: 'SYSTEM_DOWN', retry: 'quota' });
    expect(refusal('write').context.retryAfter).toBeGreaterThanOrEqual(1_000);
    expect(circuit.open).toBe(false);
    call();
    expect(circuit.status()).toMatchObject({
      state: 'read-only',
      since: expect.any(Number),
      next: expect.any(Number),
    });
  });

  it.each([
    ['records that it cannot cope with', failure('SYSTEM_UNAVAILABLE', { status: 500 })],
    ['refused records', failure('SYSTEM_REJECTED', { status: 422 })],
    ['asked to slow down', failure('SYSTEM_THROTTLED', { status: 429 })],
    ['not asked at all', failure('SYSTEM_THROTTLED')],
  ])('never pause for %s', (_, error) => {
    writes(50, error);
    expect([circuit.open, circuit.writes.open]).toEqual([false, false]);
  });

  it('do not pause where one in between is taken, or refused for what it holds', () => {
    for (const answer of [undefined, failure('SYSTEM_REJECTED', { status: 422 })]) {
      writes(3, unavailable);
      write(answer);
    }
    writes(3, unavailable);
    expect(circuit.writes.open).toBe(false);
  });

  it('that reach no system open the circuit for all calls', () => {
    writes(4, refused);
    expect([circuit.open, circuit.writes.open]).toEqual([true, false]);
    expect(circuit.status().state).toBe('down');
  });

  it('fail with SYSTEM_DOWN from the one that starts the pause on', () => {
    for (let i = 0; i < 3; i++) expect(write(unavailable, `PATCH /${i}`)).toBeUndefined();
    expect(write(unavailable, 'PATCH /3')).toMatchObject({ code: 'SYSTEM_DOWN' });
    expect(call(unavailable)).toBeUndefined();
  });

  it('are tried by one of them when the pause is over; its response decides', () => {
    writes(4, unavailable);
    for (const [pause, error] of [
      [1_000, unavailable],
      [2_000, failure('SYSTEM_UNAVAILABLE', { status: 500 })],
      [4_000, refused],
    ] as const) {
      expect(circuit.writes.retryAfter()).toBe(pause);
      clock += pause;
      const trial = circuit.enter('write');
      expect(refusal('write').code).toBe('SYSTEM_DOWN');
      trial.ended(error, 'PATCH /one');
      call();
    }
    clock += circuit.writes.retryAfter();
    // Nobody has tried to write: it may be tried at once.
    write(failure('SYSTEM_THROTTLED', { status: 429 }));
    expect([circuit.writes.open, circuit.writes.retryAfter()]).toEqual([true, 0]);
    write();
    expect(circuit.writes.open).toBe(false);
    expect(states).toEqual(['read-only', 'up']);
  });

  it('that end in 500 while writes pause count as tries: the last one left is given up like any other', () => {
    writes(4, unavailable);
    for (const code of ['SYSTEM_UNAVAILABLE', 'OUTCOME_UNKNOWN'] as const) {
      clock += circuit.writes.retryAfter();
      expect(write(failure(code, { status: 500 }), 'PATCH /bad')).toBeUndefined();
      expect(circuit.writes.open).toBe(true);
    }
  });

  it('stay paused after the pause of all calls ends, until one write succeeds', () => {
    writes(4, unavailable);
    calls(4, refused);
    expect(circuit.status().state).toBe('down');
    clock = 1_000;
    call();
    expect(circuit.status().state).toBe('read-only');
    write();
    expect(circuit.status().state).toBe('up');
  });

  it('no longer keep the state read-only when none was tried for a while', () => {
    writes(4, unavailable);
    clock = 60_000;
    expect(circuit.status().state).toBe('read-only');
    clock += 1_000;
    expect(circuit.status().state).toBe('failing');
    call();
    expect(circuit.status().state).toBe('up');
    expect(circuit.writes.open).toBe(true);
  });
});

it('a circuit states how the last call went', () => {
  const state = (error?: TandemError): string => {
    call(error);
    return circuit.status().state;
  };
  expect(circuit.status()).toEqual({ state: 'unknown' });
  expect(state()).toBe('up');
  expect(state(refused)).toBe('failing');
  expect(state(failure('SYSTEM_REJECTED', { status: 422 }))).toBe('up');
  expect(state(failure('SYSTEM_AUTH', { status: 401 }))).toBe('failing');
});
