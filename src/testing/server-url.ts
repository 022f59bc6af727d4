import path from 'node:path';

import { type ServerProcess, startServerProcess } from './server-process.ts';

/** This file has another extension in the build. */
const SCRIPT = path.join(import.meta.dirname, `run-embedded-server${path.extname(import.meta.filename)}`);

let own: Promise<ServerProcess> | undefined;

/**
 * Returns the superuser's URL of the PostgreSQL for tests: that of TEST_DATABASE_URL, otherwise of
 * an embedded server that ends with this process.
 */
export async function testServerUrl(): Promise<string> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    return given;
  }
  own ??= startServerProcess(SCRIPT);
  return (await own).url;
}
