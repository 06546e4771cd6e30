// The deployment files name only what exists: variables, commands, routes, folders; and keep what operations rely on.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { VARIABLES } from '../../../cli/environment.ts';

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

  it('runs node itself, as nobody special', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^ENTRYPOINT \["node", "dist\/cli\/main.js"\]$/m);
    expect(dockerfile.lastIndexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('FROM '));
  });

  it('has all that the build compiles', () => {
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] };
    for (const folder of include) expect(dockerfile).toContain(`COPY ${folder} ./${folder}`);
  });
});

interface Service {
  '<<'?: Service;
  command: string;
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

  it('runs a Redis that keeps what it is told', () => {
    expect(services.redis!.command).toContain('--appendonly yes');
    expect(services.redis!.command).toContain('--maxmemory-policy noeviction');
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
  args: string[];
  ports: { name: string; containerPort: number }[];
  env?: { name: string; value: string }[];
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

  it('runs a Redis that keeps what it is told', () => {
    const redis = pods.find(({ metadata }) => metadata.name === 'tandem-redis')!;
    const args = redis.spec.template.spec.containers[0]!.args.join(' ');
    expect(args).toContain('--appendonly yes');
    expect(args).toContain('--maxmemory-policy noeviction');
  });
});
