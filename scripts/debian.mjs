// Debian's (or Ubuntu's) packages, unpacked into a folder: nothing is installed into the system and no root is needed.
// apt works on private lists and a private cache; only the list of what is installed is the system's, so that apt fetches
// just the packages that are missing here.
import { execFile } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/**
 * Fetches the first of `alternatives` (lists of package names) that can be had, with what it needs and is not installed, and
 * unpacks all into `WORK/root`. Rejects with apt's own words when none can be had.
 */
export async function unpackPackages(work, alternatives) {
  const config = join(work, 'apt.conf');
  const archives = join(work, 'archives');
  const root = join(work, 'root');
  for (const folder of ['lists/partial', 'archives/partial', 'log', 'root']) {
    await mkdir(join(work, folder), { recursive: true });
  }
  await writeFile(config, aptConfig(work));
  // A broken third-party source makes `update` fail although the others work, so the install below decides.
  const updated = await apt(config, 'update').catch((error) => error);
  const said = [];
  for (const [chosen, names] of alternatives.entries()) {
    try {
      await apt(config, 'install', '--download-only', '--reinstall', ...names);
    } catch (error) {
      said.push(tail(error));
      continue;
    }
    const debs = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
    for (const deb of debs) await exec('dpkg-deb', ['-x', join(archives, deb), root]);
    return { root, chosen };
  }
  // When nothing can be reached, only the update says so (as a warning); the install merely knows no such package.
  throw new Error([tail(updated), ...said].filter(Boolean).join('\n'));
}

/** What the system's own apt configuration says (proxies, sources, keys) stays in force, but for these settings. */
function aptConfig(work) {
  return `
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
Dir::State::lists "${work}/lists";
Dir::Cache "${work}";
Dir::Cache::archives "${work}/archives";
Dir::Cache::pkgcache "${work}/pkgcache.bin";
Dir::Cache::srcpkgcache "${work}/srcpkgcache.bin";
Dir::Log "${work}/log";
Debug::NoLocking "true";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
APT::Install-Recommends "false";
Acquire::Retries "3";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
`;
}

// `-c` is read after the system's configuration, APT_CONFIG before it.
const apt = (config, ...args) =>
  exec('apt-get', ['-c', config, '-q', ...args], {
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });

const tail = (error) => `${error.stderr ?? ''}`.trim().split('\n').slice(-6).join('\n') || error.message || '';
