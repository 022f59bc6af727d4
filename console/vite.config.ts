import { join } from 'node:path';
import vue from '@vitejs/plugin-vue';
import { defineConfig, type Plugin } from 'vite';

import { assertPageListsAreFound } from '../scripts/console-page-lists.ts';

const { PORT = '8080' } = process.env;

/** As in `npm run console`. */
const pageLists: Plugin = {
  name: 'page-lists',
  apply: 'serve',
  buildStart: () => assertPageListsAreFound(join(import.meta.dirname, '..')),
};

// `npx vite console` serves the sources with the API of `make dev`, and shows changes immediately.
export default defineConfig({
  plugins: [vue(), pageLists],
  base: '/console/',
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    // The list of files and their imports, by which a test measures the first page.
    manifest: 'manifest.json',
    // The policy of the page allows no data: URL of a script or style.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    target: 'es2022',
  },
  server: {
    port: 5174,
    strictPort: true,
    // The service finds the tenant by the Host header, which is forwarded unchanged.
    proxy: { '/api': { target: `http://127.0.0.1:${PORT}`, changeOrigin: false } },
  },
});
