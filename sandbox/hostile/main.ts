// Runs the system that was taken over as a process of its own, until it is told to stop: what it sends must not keep
// the process that measures from measuring. Prints one line of JSON when it listens.
import { startHostile } from './server.ts';

const system = await startHostile(Number(process.argv[2] ?? 0));
process.stdout.write(`${JSON.stringify({ url: system.url })}\n`);
process.once('SIGTERM', () => void system.close());
