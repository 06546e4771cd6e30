// Which folder may import which (docs/architecture.md). Dependencies point one way:
//   cli, server -> api -> engine/index.ts, the one door to:
//   engine/runtime -> engine/queue -> engine/sync -> engine/{merge,connectors,store} -> engine/{model,config} -> engine/expression -> engine/*.ts
//   engine/{check,threads} -> engine/sync, connectors, config: checks that write nothing, and the threads in which drafts are tried
// engine/create-engine.ts and engine/engine.ts put the parts together. engine/queue takes the names of queues and the kinds of jobs from
// engine/runtime/queues.ts, and nothing else of runtime. Imports of types count like any other, but where a rule says otherwise. `npm run deps` checks it.

const TYPES = ['type-only'];
const engine = (...folders) => `^engine/(${folders.join('|')})(/|\\.ts$)`;

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment:
        'Two files that need each other, if only for types, are one idea or hide a third: move that to a file of its own.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'This import leads nowhere.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependency-at-run-time',
      severity: 'error',
      comment: 'The product runs without devDependencies (npm ci --omit=dev): move the package to dependencies.',
      from: { path: '^(api|engine|server|cli)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: TYPES },
    },

    // The big parts.
    {
      name: 'engine-is-a-library',
      severity: 'error',
      comment: 'engine/ knows neither who serves it nor who tests it.',
      from: { path: '^engine/' },
      to: { path: '^(api|server|cli|sandbox|tests|bench|scripts)/' },
    },
    {
      name: 'engine-has-no-server-and-no-terminal',
      severity: 'error',
      comment: 'HTTP routes belong in server/, what a person sees in a terminal in cli/.',
      from: { path: '^engine/' },
      to: {
        path: [
          '(^|/)node_modules/(fastify|fastify-plugin|@fastify|@bull-board)/',
          '(^|/)node_modules/(commander|cli-progress|cli-table3|picocolors)/',
        ],
      },
    },
    {
      name: 'no-raw-redis',
      severity: 'error',
      comment:
        'Connections, keys, queues and jobs are the business of the engine, their types too: export there what is missing.',
      from: { path: '^(api|server|cli)/' },
      to: { path: '(^|/)node_modules/(ioredis|bullmq)/' },
    },
    {
      name: 'one-door',
      severity: 'error',
      comment: 'Users of the engine import engine/index.ts: export there what is missing.',
      from: { path: '^(api|server|cli|bench|scripts)/' },
      to: { path: '^engine/(?!index\\.ts$)' },
    },
    {
      name: 'door-is-for-others',
      severity: 'error',
      comment: 'Inside the engine a file names the file that it needs.',
      from: { path: '^engine/' },
      to: { path: '^engine/index\\.ts$' },
    },
    {
      name: 'one-contract',
      severity: 'error',
      comment: 'Shapes of requests and responses are made in api/ only; server and cli name them from api/index.ts.',
      from: { pathNot: '^api/' },
      to: { path: ['^api/(?!index\\.ts$)', '(^|/)node_modules/typebox/'] },
    },
    {
      name: 'contract-knows-no-server',
      severity: 'error',
      comment: 'api/ takes the lists of words from the engine, and knows neither who serves it nor who calls it.',
      from: { path: '^api/' },
      to: { path: '^(server|cli|sandbox|tests|bench|scripts)/' },
    },
    {
      name: 'cli-calls-the-server',
      severity: 'error',
      comment: 'Commands ask a running Tandem over HTTP. Only what starts a server may import how one is made.',
      from: { path: '^cli/', pathNot: '^cli/process/(processes|environment)\\.ts$' },
      to: { path: '^server/' },
    },
    {
      name: 'server-not-to-cli',
      severity: 'error',
      comment: 'cli/ starts the server, not the other way round.',
      from: { path: '^server/' },
      to: { path: '^(cli|sandbox|tests|bench|scripts)/' },
    },
    {
      name: 'cli-not-to-stand-ins',
      severity: 'error',
      comment: 'Stand-ins and tests are no part of the product.',
      from: { path: '^cli/' },
      to: { path: '^(sandbox|tests|bench|scripts)/' },
    },
    {
      name: 'sandbox-stands-alone',
      severity: 'error',
      comment:
        'A stand-in that shares code with what it tests shares its errors too: build it from the API it stands for.',
      from: { path: '^sandbox/' },
      to: { path: '^engine/' },
    },
    {
      name: 'sandbox-knows-no-product',
      severity: 'error',
      comment: 'Only sandbox/demo may know server/ and cli/, which it shows.',
      from: { path: '^sandbox/', pathNot: '^sandbox/demo/' },
      to: { path: '^(server|cli|tests)/' },
    },

    // The layers of engine/, from the top down.
    {
      name: 'queue-knows-queues-only',
      severity: 'error',
      comment:
        'runtime is what a process does with queues, and calls queue; of it, queue knows which queues and jobs there are.',
      from: { path: engine('queue') },
      to: { path: '^engine/runtime/(?!queues\\.ts$)' },
    },
    {
      name: 'sync-below-jobs',
      severity: 'error',
      comment: 'sync does the work of one job and knows nothing of jobs; runtime calls it.',
      from: { path: engine('sync') },
      to: { path: engine('queue', 'runtime', 'check', 'threads') },
    },
    {
      name: 'checks-write-nothing',
      severity: 'error',
      comment: 'check and threads try what is declared: jobs and stored data are none of their business.',
      from: { path: engine('check', 'threads') },
      to: { path: engine('store', 'queue', 'runtime'), dependencyTypesNot: TYPES },
    },
    {
      name: 'store-knows-no-work',
      severity: 'error',
      comment:
        'store keeps data in Redis: what is done with them is decided above it. It may name types of what it keeps.',
      from: { path: engine('store') },
      to: {
        path: engine('merge', 'connectors', 'sync', 'queue', 'runtime', 'check', 'threads'),
        dependencyTypesNot: TYPES,
      },
    },
    {
      name: 'redis-through-the-store',
      severity: 'error',
      comment: 'The keys of links, issues and dirty records are known to engine/store only.',
      from: { path: engine('sync', 'merge') },
      to: { path: '(^|/)node_modules/ioredis/', dependencyTypesNot: TYPES },
    },
    {
      name: 'connectors-below-sync',
      severity: 'error',
      comment: 'connectors, merge and store meet in engine/sync only.',
      from: { path: engine('connectors') },
      to: { path: engine('merge', 'store', 'sync', 'queue', 'runtime', 'check', 'threads') },
    },
    {
      name: 'merge-is-pure',
      severity: 'error',
      comment:
        'merge decides from what it is given: of the engine it imports types, engine/errors.ts, engine/types.ts, engine/model, the value helpers and the comparison of definitions.',
      from: { path: engine('merge') },
      to: {
        path: '^engine/',
        pathNot: [
          '^engine/merge/',
          '^engine/(errors|types)\\.ts$',
          '^engine/model/',
          '^engine/config/definition\\.ts$',
          '^engine/store/types\\.ts$',
          '^engine/expression/(values|forms)',
        ],
        dependencyTypesNot: TYPES,
      },
    },
    {
      name: 'merge-does-no-io',
      severity: 'error',
      comment: 'merge does no input or output: engine/sync reads before it, and writes after it.',
      from: { path: engine('merge') },
      to: {
        path: [
          '^(node:)?(child_process|cluster|dgram|dns|fs|http|http2|https|net|readline|timers|tls|worker_threads)(/|$)',
          '(^|/)node_modules/(bullmq|ioredis|undici|pino|chokidar)/',
        ],
        dependencyTypesNot: TYPES,
      },
    },
    {
      name: 'config-and-expression-at-the-bottom',
      severity: 'error',
      comment: 'config and expression know files and values, not what is done with them.',
      from: { path: engine('config', 'expression') },
      to: { path: engine('merge', 'store', 'connectors', 'sync', 'queue', 'runtime', 'check', 'threads') },
    },
    {
      name: 'expression-below-config',
      severity: 'error',
      comment: 'Expressions and values stand for themselves; files are made of them.',
      from: { path: engine('expression') },
      to: { path: engine('config', 'model') },
    },
    {
      name: 'model-needs-nothing',
      severity: 'error',
      comment: 'model holds the words that store, merge and sync share.',
      from: { path: engine('model') },
      to: { path: '^engine/[^/]+/', pathNot: '^engine/model/', dependencyTypesNot: TYPES },
    },
    {
      name: 'errors-and-types-need-nothing',
      severity: 'error',
      comment:
        'Everybody imports engine/errors.ts and engine/types.ts, so at run time they import no folder of the engine.',
      from: { path: '^engine/(errors|types)\\.ts$' },
      to: { path: '^engine/[^/]+/', dependencyTypesNot: TYPES },
    },
  ],

  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true, // as written, before TypeScript drops the imports of types
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
    reporterOptions: { text: { highlightFocused: true } },
  },
};
