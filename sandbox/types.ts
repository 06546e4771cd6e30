// What both stand-ins have in common for the code that starts them.

import type { Behaviours } from './kit/behaviours.ts';
import type { Clock } from './kit/clock.ts';
import type { Faults } from './kit/faults.ts';
import type { Outbox } from './kit/outbox.ts';
import type { RequestLog, Stats } from './kit/request-log.ts';

export interface Sandbox {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** Faults on demand; the same as `/_sandbox/faults`. */
  readonly faults: Faults;
  /** What was asked of it; the same as `/_sandbox/requests`. */
  readonly requests: RequestLog;
  /** Outgoing webhooks and their faults; the same as `/_sandbox/webhooks`. */
  readonly webhooks: Outbox;
  /** What it does to records without an error; the same as `/_sandbox/behaviours`. */
  readonly behaviours: Behaviours;
  /** Its clock, which dates all that it answers; the same as `/_sandbox/clock`. */
  readonly clock: Clock;
  stats(): Stats;
  close(): Promise<void>;
}
