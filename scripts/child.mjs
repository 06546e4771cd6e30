// Child processes that never outlive this one, however it ends: not even after SIGKILL.
//
// Each child starts through a few lines of `sh` that first leave a watchdog behind and then become the program itself
// (`exec`, so pid, signals and exit code are the program's own). The watchdog waits on a pipe that only this process
// holds open; the kernel closes it when this process ends, and the watchdog then ends the child.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

// $1 = seconds of grace between TERM and KILL ('' = KILL at once), $2 = 'group' or 'process', $3 = folder to remove or '',
// then the command. `$$` is the pid that the program will have.
const WATCHED = `
grace=$1 scope=$2 dir=$3; shift 3
(
  trap '' HUP INT TERM
  exec >/dev/null 2>&1 </dev/null
  running=yes
  while read -r word <&3; do [ "$word" = ended ] && running=; done
  if [ "$running" ]; then
    [ "$scope" = group ] && target=-$$ || target=$$
    if [ "$grace" ]; then
      kill -s TERM -- $target
      n=$((grace * 10)); while [ $n -gt 0 ] && kill -0 $$; do n=$((n - 1)); sleep 0.1; done
    elif [ "$scope" = process ]; then
      kill -s KILL -- $target
      n=20; while [ $n -gt 0 ] && kill -0 $$; do n=$((n - 1)); sleep 0.05; done
    fi
  fi
  [ -z "$dir" ] || rm -rf -- "$dir"
  [ -z "$running" ] || kill -s KILL -- $target
) &
exec "$@" 3<&-
`;

/**
 * Spawns a program in a process group of its own (a Ctrl-C of the terminal reaches only the caller, who decides).
 *
 * @param {object} [options]
 * @param {string} [options.cwd]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {Array} [options.stdio] stdin, stdout, stderr; all inherited unless given
 * @param {'process'|'group'} [options.scope] what the watchdog ends: the program alone, or all that it started as well
 * @param {number} [options.graceSeconds] whole seconds between the watchdog's TERM and KILL; 0 = KILL at once
 * @param {string} [options.removeDir] a folder that the watchdog removes when this process ends
 * @returns the ChildProcess, with `settled`: a promise of `{ code, signal }`, or of `{ error }` when it did not start
 */
export function spawnWatched(command, args, options = {}) {
  const { cwd, env, stdio = ['inherit', 'inherit', 'inherit'], scope = 'group', graceSeconds = 0, removeDir } = options;
  const child = spawn(
    'sh',
    ['-c', WATCHED, 'sh', graceSeconds ? String(graceSeconds) : '', scope, removeDir ?? '', command, ...args],
    { cwd, env, stdio: [...stdio, 'pipe'], detached: true },
  );
  const lifeline = child.stdio[3];
  lifeline.on('error', () => {}); // the watchdog went first
  child.settled = new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }));
    child.once('exit', (code, signal) => {
      lifeline.write('ended\n'); // its pid may soon belong to another program
      if (scope === 'group') killGroup(child.pid);
      if (!removeDir) lifeline.end();
      resolve({ code, signal });
    });
  });
  return child;
}

/**
 * Runs a program to its end: passes SIGINT, SIGTERM and SIGHUP on to it, and kills it and all that it started when it
 * has not ended `graceSeconds` later. Returns its exit code as a shell would give it (128 + n after signal n), and the
 * signal that this process got, if any.
 */
export async function runToEnd(command, args, { graceSeconds = 5, ...options } = {}) {
  const child = spawnWatched(command, args, { graceSeconds, ...options });
  let received;
  let receivedAt = 0;
  let deadline;
  const forward = (signal) => {
    // A Ctrl-C under npm arrives twice: from the terminal, and from npm, which passes it on.
    if (signal === received && Date.now() - receivedAt < 500) return;
    deadline ??= setTimeout(() => killGroup(child.pid), graceSeconds * 1000);
    received = signal;
    receivedAt = Date.now();
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  try {
    const { error, code, signal } = await child.settled;
    if (error) throw error;
    return { code: code ?? 128 + (constants.signals[signal] ?? 0), received };
  } finally {
    clearTimeout(deadline);
    for (const signal of signals) process.off(signal, forward);
  }
}

/** The exit code that says which signal ended a program. */
export const codeOf = (signal) => 128 + constants.signals[signal];

function killGroup(pid) {
  if (!pid) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}
