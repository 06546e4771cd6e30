// Loaded before a process that is measured: SIGUSR2 begins a CPU profile, the next one ends it and writes it down.
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.setSamplingInterval', { interval: 200 });
let running = false;
let written = 0;
process.on('SIGUSR2', () => {
  running = !running;
  if (running) return session.post('Profiler.start');
  session.post('Profiler.stop', (error, result) => {
    if (error) throw error;
    const file = `${process.env.PROFILE_TO}.${written++}.json`;
    // Whole or not at all: it is waited for.
    writeFileSync(`${file}.part`, JSON.stringify(result.profile));
    renameSync(`${file}.part`, file);
  });
});
