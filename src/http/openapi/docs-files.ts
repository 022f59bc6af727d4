import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** A file of the page, as it is sent. */
export type DocsFile = Readonly<{ type: string; bytes: Buffer; compressed: Buffer; etag: string }>;

/** Swagger UI: next to dist/src in a build, in node_modules of the repository. */
const SWAGGER_UI = ['swagger-ui', 'node_modules/swagger-ui-dist'].map((folder) =>
  path.resolve(import.meta.dirname, '../../..', folder),
);

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
<link rel="stylesheet" href="/api/docs/docs.css">
</head>
<body>
<div id="swagger-ui"></div>
<noscript>This page needs JavaScript. The document is at /api/openapi.json.</noscript>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/docs.js"></script>
</body>
</html>
`;

const SCRIPT = `const dark = matchMedia('(prefers-color-scheme: dark)');
const applyColors = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', applyColors);
applyColors();
SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

/** Swagger UI has dark text on dark ground for the names of headers, and light text on light ground for a button. */
const STYLE = `body { margin: 0; }
html.dark-mode { color-scheme: dark; }
html.dark-mode .swagger-ui table.headers td { color: #e4e6e6; }
.swagger-ui .json-schema-2020-12-expand-deep-button { color: #505050; }
`;

const HTML = 'text/html; charset=utf-8';
const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

const fromSwaggerUi = (name: string) => async (): Promise<Buffer> => {
  const folder = SWAGGER_UI.find((candidate) => existsSync(candidate));
  if (folder === undefined) {
    throw new Error('Swagger UI is missing. Run `npm run build` or `npm ci`.');
  }
  return readFile(path.join(folder, name));
};
const fromText = (text: string) => async (): Promise<Buffer> => Buffer.from(text);

/** The files, by their path. */
const SOURCES: ReadonlyMap<string, Readonly<{ type: string; read: () => Promise<Buffer> }>> = new Map([
  ['/api/docs/', { type: HTML, read: fromText(PAGE) }],
  ['/api/docs', { type: HTML, read: fromText(PAGE) }],
  ['/api/docs/docs.js', { type: JAVASCRIPT, read: fromText(SCRIPT) }],
  ['/api/docs/docs.css', { type: CSS, read: fromText(STYLE) }],
  ['/api/docs/swagger-ui.css', { type: CSS, read: fromSwaggerUi('swagger-ui.css') }],
  ['/api/docs/swagger-ui-bundle.js', { type: JAVASCRIPT, read: fromSwaggerUi('swagger-ui-bundle.js') }],
]);

const opened = new Map<string, Promise<DocsFile>>();

/** Returns a file of the page, which is read and compressed once. Null for a path that is no file. */
export async function docsFile(name: string): Promise<DocsFile | null> {
  const source = SOURCES.get(name);
  if (!source) {
    return null;
  }
  const known = opened.get(name);
  if (known) {
    return known;
  }
  const file = source.read().then(async (bytes) => ({
    type: source.type,
    bytes,
    compressed: await promisify(gzip)(bytes),
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
  }));
  opened.set(name, file);
  // A file that could not be read is read again.
  file.catch(() => opened.delete(name));
  return file;
}
