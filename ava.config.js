export default {
  extensions: { ts: 'module' },
  files: ['test/**/*.test.ts'],
  concurrency: 3,
  timeout: '120s',
  workerThreads: false,
};
