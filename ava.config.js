// They take minutes: whichever came last would run alone.
const LONGEST = [
  'sabotage',
  'package',
  'check-attack',
  'image',
  'move-online',
  'check-attack-managed',
  'compose',
  'tenant-life',
  'in-tenants',
  'commands',
  'databases',
  'move',
  'domains',
].map((name) => `/${name}.test.ts`);
const rank = (file) => {
  const place = LONGEST.findIndex((name) => file.endsWith(name));
  return place < 0 ? LONGEST.length : place;
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
