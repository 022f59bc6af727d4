import { cpSync, mkdirSync } from 'node:fs';
import path from 'node:path';

const FILES = [
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'swagger-ui-bundle.js.LICENSE.txt',
  'LICENSE',
  'NOTICE',
];

/** Copies the files of Swagger UI that the page /api/docs/ needs. The package has ten times as many bytes. */
export function copySwaggerUi(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const file of FILES) {
    cpSync(path.join('node_modules/swagger-ui-dist', file), path.join(folder, file));
  }
}
