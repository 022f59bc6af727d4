import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// The slowest first: the last one would run alone. `TEST_RECORD=true make test` writes the list.
const slow = JSON.parse(readFileSync(join(import.meta.dirname, 'test/slow-files.json'), 'utf8'));
const rank = (file) => {
  const place = slow.findIndex((name) => file.endsWith(`/${name}`));
  return place < 0 ? slow.length : place;
};

export default {
  extensions: ['ts'],
  // The image is tested where there is a Docker engine: make test-docker.
  files: ['test/**/*.test.ts', ...(process.env.TEST_DOCKER ? [] : ['!test/docker/**'])],
  sortTestFiles: (one, other) => rank(one) - rank(other) || (one < other ? -1 : 1),
  concurrency: 3,
  timeout: process.env.TEST_DOCKER ? '15m' : '120s',
  workerThreads: false,
};
