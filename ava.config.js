export default {
  extensions: { ts: 'module' },
  // The image is tested where there is a Docker engine: make test-docker.
  files: ['test/**/*.test.ts', ...(process.env.TEST_DOCKER ? [] : ['!test/docker/**'])],
  concurrency: 3,
  timeout: process.env.TEST_DOCKER ? '15m' : '120s',
  workerThreads: false,
};
