import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// Seconds from start to end. The slowest first: the last one would run alone. `TEST_RECORD=true make test` writes them.
const slow = Object.entries(
  JSON.parse(readFileSync(join(import.meta.dirname, 'test/slow-files.json'), 'utf8')),
);
const seconds = (file) => slow.find(([name]) => file.endsWith(`/${name}`))?.[1] ?? 0;

// With a Docker engine, make test-docker tests the image. All servers of the other two files are embedded there too, because
// of their settings, so make test has tested them.
const EXCLUDED = process.env.TEST_DOCKER
  ? ['!test/db/unix-socket.test.ts', '!test/tenancy/transfer/move-online-refused.test.ts']
  : ['!test/docker/**'];

export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts', ...EXCLUDED],
  sortTestFiles: (one, other) => seconds(other) - seconds(one) || (one < other ? -1 : 1),
  concurrency: 3,
  timeout: process.env.TEST_DOCKER ? '15m' : '120s',
  workerThreads: false,
};
