import path from 'node:path';
import { rolldown } from 'rolldown';

const ROOT = path.resolve(import.meta.dirname, '..');

/**
 * Packages that are not part of the bundle: with native code, only for commands, or loaded when a setting requires them.
 * Node finds them in node_modules.
 */
export const EXTERNAL = [
  '@node-rs/argon2',
  '@opentelemetry/core',
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/resources',
  '@opentelemetry/sdk-trace',
  '@zxcvbn-ts/language-common',
  'cli-progress',
  'cli-table3',
  'commander',
  'ioredis',
  'libpg-query',
  'node-pg-migrate',
  'nodemailer',
  'pg-copy-streams',
  'pg-native',
  'rate-limiter-flexible',
  'stripe',
  'tar-stream',
];

/**
 * Bundles the service into `dist/src/main.js` and the files of `dist/service/`. A start would otherwise resolve a thousand
 * modules, which takes more processor time than everything else in it.
 *
 * The code is not minified, and each module begins with a comment that names its source.
 */
export async function bundleService(dist: string): Promise<void> {
  const bundle = await rolldown({
    cwd: ROOT,
    // `main` starts the service, so fill-compile-cache.ts must not load it. The other two entries keep the code of the service out of its file.
    input: {
      'src/main': 'src/main.ts',
      'service/project': 'src/project.ts',
      'service/start-service': 'src/server/start-service.ts',
    },
    platform: 'node',
    external: (id) => EXTERNAL.some((name) => id === name || id.startsWith(`${name}/`)),
    checks: { eval: false },
    plugins: [
      {
        name: 'folders-of-modules',
        // Modules find SQL files and pages relative to their own folder. All files of the bundle are one level below `dist`.
        transform(code, id) {
          if (!id.startsWith(path.join(ROOT, 'src')) || !code.includes('import.meta.dirname')) {
            return null;
          }
          const folder = JSON.stringify(
            `/../${path.relative(ROOT, path.dirname(id)).replaceAll(path.sep, '/')}`,
          );
          return code.replaceAll('import.meta.dirname', `(import.meta.dirname + ${folder})`);
        },
      },
    ],
  });
  await bundle.write({ dir: dist, format: 'esm', chunkFileNames: 'service/[name]-[hash].js' });
  await bundle.close();
}
