import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

const { PORT = '8080', VITE_API } = process.env;

export default defineConfig({
  plugins: [
    vue(),
    {
      name: 'print-url',
      // Without VITE_API, the host of the page selects the tenant, and `localhost` is the public site.
      configureServer: (server) => {
        server.printUrls = () =>
          server.config.logger.info(
            `Front end: http://${VITE_API ? '' : 'acme.'}localhost:${server.config.server.port}`,
          );
      },
    },
  ],
  // Relative URLs: the built files work below any path.
  base: './',
  server: {
    port: 5173,
    // Tenants allow an origin including its port.
    strictPort: true,
    // The service finds the tenant by the Host header, which is forwarded unchanged.
    proxy: { '/api': { target: `http://127.0.0.1:${PORT}`, changeOrigin: false } },
  },
});
