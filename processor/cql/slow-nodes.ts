/**
 * A node that hangs keeps its connections, and the driver goes on asking it: each request in three would
 * wait until it goes to a second node. So a node that let one wait for so long is asked last for a while.
 * When all are slow it is the order that is slow, and it stays as it was.
 */
import { type ExecutionOptions, type Host, policies } from 'cassandra-driver';

type Plan = Iterator<Host>;
type PlanCallback = (error: Error, plan: Plan) => void;

/** Which nodes were slow lately; by the host's own object, of which the driver keeps one a node. */
export class SlowNodes {
  readonly #untilMs = new WeakMap<Host, number>();
  readonly #slowMs: number;
  readonly #nowMs: () => number;

  constructor(slowMs: number, nowMs: () => number) {
    this.#slowMs = slowMs;
    this.#nowMs = nowMs;
  }

  add(host: Host): void {
    this.#untilMs.set(host, this.#nowMs() + this.#slowMs);
  }

  has(host: Host): boolean {
    const until = this.#untilMs.get(host);
    return until !== undefined && this.#nowMs() < until;
  }
}

/** After so long a second node is asked too, and the first one is known as slow. */
export class SecondNodePolicy extends policies.speculativeExecution.NoSpeculativeExecutionPolicy {
  readonly #delayMs: number;
  readonly #slow: SlowNodes;

  constructor(delayMs: number, slow: SlowNodes) {
    super();
    this.#delayMs = delayMs;
    this.#slow = slow;
  }

  /** The driver asks once for each node that it asks: again only when the time was over. */
  override newPlan(): { nextExecution: (host: Host) => number } {
    let first: Host | null = null;
    return {
      nextExecution: (host) => {
        if (first !== null) {
          this.#slow.add(first);
          return -1;
        }
        first = host;
        return this.#delayMs;
      },
    };
  }
}

/** The driver's own order, slow nodes last. */
export class SlowNodesLast extends policies.loadBalancing.DefaultLoadBalancingPolicy {
  readonly #slow: SlowNodes;

  constructor(localDc: string, slow: SlowNodes) {
    super({ localDc });
    this.#slow = slow;
  }

  override newQueryPlan(
    keyspace: string,
    executionOptions: ExecutionOptions,
    callback: PlanCallback,
  ): void {
    super.newQueryPlan(keyspace, executionOptions, (error, plan) => {
      callback(error, error ? plan : slowLast(plan, this.#slow));
    });
  }
}

/** Lazy: as a rule one node is asked, and none is slow. */
export function* slowLast(
  plan: Iterator<Host>,
  slow: Pick<SlowNodes, 'has'>,
): Generator<Host, undefined> {
  const last: Host[] = [];
  for (let next = plan.next(); next.done !== true; next = plan.next()) {
    if (slow.has(next.value)) last.push(next.value);
    else yield next.value;
  }
  yield* last;
  return undefined;
}
