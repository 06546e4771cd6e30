// The deployment files name only what exists: variables, commands, routes, folders; and keep what operations rely on.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { VARIABLES } from '../../../cli/process/environment.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const documents = (file: string) => loadAll(read(file)) as Record<string, never>[];
const kubernetes = readdirSync(join(ROOT, 'deploy/kubernetes')).map((name) => `deploy/kubernetes/${name}`);
const files = [
  'Dockerfile',
  'deploy/compose.yaml',
  'deploy/tandem.env.example',
  'deploy/tandem.service',
  ...kubernetes,
];

/** Variables that the system files name. */
const ofSystems = new Set(
  readdirSync(join(ROOT, 'systems')).flatMap((name) =>
    [...read(`systems/${name}`).matchAll(/\$\{([A-Z_]+)/g)].map((match) => match[1]),
  ),
);

describe.each(files)('%s', (file) => {
  it('names only variables that there are', () => {
    const known = new Set([...VARIABLES.map((variable) => variable.name), ...ofSystems]);
    const named = [...read(file).matchAll(/\b((?:TANDEM|KEAP|SHOP)_[A-Z_]+|REDIS_URL)\b/g)].map((match) => match[1]);
    for (const name of named) expect(known, `${name} in ${file}`).toContain(name);
  });
});

describe('the image', () => {
  const dockerfile = read('Dockerfile');

  it('copies only what exists and what .dockerignore lets in', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) => match[1]!.split(' '));
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied) {
      expect(existsSync(join(ROOT, path)), path).toBe(true);
      expect(allowed, path).toContain(path);
    }
  });

  it('runs node directly, as the user node', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node", "dist\/cli\/main.js"\]$/m);
    expect(dockerfile.lastIndexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('FROM '));
  });

  it('stands on a base that is named by its digest', () => {
    const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map((match) => match[1]);
    expect(new Set(bases).size).toBe(1);
    expect(bases[0]).toMatch(/^node:22-bookworm-slim@sha256:[0-9a-f]{64}$/);
  });

  it('has all that the build puts into the bundle', () => {
    for (const folder of ['api', 'engine', 'server', 'cli']) expect(dockerfile).toContain(`COPY ${folder} ./${folder}`);
  });
});

/**
 * What the settings of a Redis of ours must be, wherever it runs: it keeps its data, and lets nobody in without the
 * password.
 */
function expectSoundRedis(command: string, image: string, password: string): void {
  expect(image).toMatch(/^redis:7-bookworm@sha256:[0-9a-f]{64}$/);
  const [start = '', ...input] = command.trim().split('\n');
  expect(start).toMatch(/redis-server - --appendonly yes .*--maxmemory-policy noeviction <<END$/);
  // On standard input, not among the arguments, which every process sees.
  expect(input.map((line) => line.trim())).toEqual([`requirepass ${password}`, 'END']);
}

interface Service {
  '<<'?: Service;
  command: string | string[];
  image: string;
  environment: Record<string, string>;
  read_only: boolean;
  stop_grace_period: string;
}

describe('compose', () => {
  const [compose] = documents('deploy/compose.yaml') as unknown as {
    services: Record<string, Service>;
  }[];
  const services = Object.fromEntries(
    // YAML 1.2 has no merge keys; compose has.
    Object.entries(compose!.services).map(([name, service]) => [name, { ...service['<<'], ...service }]),
  );

  it('runs a Redis that keeps its data, with a password that Tandem knows', () => {
    const { command, image, environment } = services.redis!;
    expectSoundRedis(command.at(-1) ?? '', image, '$$REDIS_PASSWORD');
    const password = environment.REDIS_PASSWORD ?? '';
    expect(password).toMatch(/^\$\{REDIS_PASSWORD:\?.+\}$/);
    for (const part of ['server', 'worker'])
      expect({ '<<': {}, ...services[part]!.environment }).toMatchObject(
        part === 'server' ? { REDIS_URL: `redis://:${password}@redis:6379` } : { TANDEM_HEALTH_PORT: '9090' },
      );
  });

  it('runs commands that there are, and lets jobs finish', () => {
    for (const part of ['server', 'worker']) {
      expect(existsSync(join(ROOT, 'cli/commands', `${services[part]!.command}.ts`)), part).toBe(true);
      expect(Number.parseInt(services[part]!.stop_grace_period, 10)).toBeGreaterThan(25);
      expect(services[part]!.read_only).toBe(true);
    }
  });
});

interface Container {
  image: string;
  args: string[];
  ports: { name: string; containerPort: number }[];
  env?: { name: string; value?: string; valueFrom?: unknown }[];
  [probe: `${string}Probe`]: { httpGet?: { path: string; port: string } } | undefined;
}
interface Workload {
  kind: string;
  metadata: { name: string };
  spec: {
    template: {
      spec: { containers: Container[]; terminationGracePeriodSeconds: number; enableServiceLinks?: boolean };
    };
  };
}

describe('Kubernetes', () => {
  const all = kubernetes.flatMap(documents) as unknown as Workload[];
  const pods = all.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');

  it('has server, worker and Redis', () => {
    expect(pods.map(({ metadata }) => metadata.name).sort()).toEqual([
      'tandem-redis',
      'tandem-server',
      'tandem-worker',
    ]);
  });

  it('runs commands that there are, and probes ports that they listen on', () => {
    for (const { metadata, spec } of pods.filter((pod) => pod.kind === 'Deployment')) {
      const [container] = spec.template.spec.containers;
      expect(existsSync(join(ROOT, 'cli/commands', `${container!.args[0]}.ts`)), metadata.name).toBe(true);
      expect(spec.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(25);
      const ports = new Map(container!.ports.map((port) => [port.name, port.containerPort]));
      const listens = Number(container!.env?.find(({ name }) => name === 'TANDEM_HEALTH_PORT')?.value ?? 8080);
      for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
        const { path, port } = container![probe]!.httpGet!;
        expect(ports.get(port), `${metadata.name} ${probe}`).toBe(listens);
        expect(path).toBe(probe === 'readinessProbe' ? '/health/ready' : '/health/live');
      }
    }
  });

  it('keeps variables that Kubernetes makes of its services out of those that Tandem reads', () => {
    // The service "tandem" would otherwise set TANDEM_PORT=tcp://10.0.0.1:80, with which no process starts.
    for (const { metadata, spec } of pods.filter((pod) => pod.kind === 'Deployment'))
      expect(spec.template.spec.enableServiceLinks, metadata.name).toBe(false);
  });

  it('runs a Redis that keeps its data, with a password that Tandem knows', () => {
    const redis = pods.find(({ metadata }) => metadata.name === 'tandem-redis')!;
    const [{ image, args, env }] = redis.spec.template.spec.containers as [Container];
    expectSoundRedis(args[0]!, image, '$REDISCLI_AUTH');
    const valueFrom = { secretKeyRef: { name: 'tandem', key: 'REDIS_PASSWORD' } };
    expect(env).toEqual([{ name: 'REDISCLI_AUTH', valueFrom }]);
    // A variable is filled in only if it stands before.
    for (const { spec } of pods.filter((pod) => pod.kind === 'Deployment'))
      expect(spec.template.spec.containers[0]!.env?.slice(0, 2)).toEqual([
        { name: 'REDIS_PASSWORD', valueFrom },
        { name: 'REDIS_URL', value: 'redis://:$(REDIS_PASSWORD)@tandem-redis:6379' },
      ]);
    expect(read('deploy/tandem.env.example')).toMatch(/^REDIS_PASSWORD=$/m);
  });

  it('only servers and workers can reach Redis in Kubernetes, and these on their ports only', () => {
    const policies = all.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as {
      metadata: { name: string };
      spec: { policyTypes: string[]; ingress: { from?: unknown; ports: { port: string }[] }[]; egress?: unknown[] };
    }[];
    const [redis, tandem] = policies.sort((a, b) => b.metadata.name.length - a.metadata.name.length);
    expect(redis!.spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'], egress: [] });
    expect(redis!.spec.ingress).toEqual([
      {
        from: [
          {
            podSelector: {
              matchExpressions: [
                { key: 'app', operator: 'In', values: ['tandem'] },
                { key: 'part', operator: 'In', values: ['server', 'worker'] },
              ],
            },
          },
        ],
        ports: [{ port: 'redis', protocol: 'TCP' }],
      },
    ]);
    expect(tandem!.spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual(['http', 'health']);
  });
});

describe('the systemd unit', () => {
  const unit = read('deploy/tandem.service');

  it.each([
    'NoNewPrivileges=true',
    'CapabilityBoundingSet=',
    'AmbientCapabilities=',
    'PrivateUsers=true',
    'ProtectSystem=strict',
    'ProtectHome=true',
    'PrivateTmp=true',
    'PrivateDevices=true',
    'DevicePolicy=closed',
    'ProtectProc=invisible',
    'ProtectClock=true',
    'ProtectHostname=true',
    'ProtectKernelLogs=true',
    'ProtectKernelModules=true',
    'ProtectKernelTunables=true',
    'ProtectControlGroups=true',
    'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX',
    'RestrictNamespaces=true',
    'RestrictRealtime=true',
    'RestrictSUIDSGID=true',
    'LockPersonality=true',
    'SystemCallArchitectures=native',
    'SystemCallFilter=@system-service',
    'UMask=0077',
  ])('the systemd unit restricts the process: %s', (line) => {
    expect(unit.split('\n')).toContain(line);
  });
});
