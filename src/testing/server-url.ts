import path from 'node:path';

import { type KeptServer, startKeptServer } from './kept-server.ts';

/** This file has another extension in the build. */
const KEEPER = path.join(import.meta.dirname, `keep-embedded-server${path.extname(import.meta.filename)}`);

let own: Promise<KeptServer> | undefined;

/**
 * Returns the superuser's URL of the PostgreSQL for tests: that of TEST_DATABASE_URL, otherwise of
 * an embedded server that ends with this process.
 */
export async function testServerUrl(): Promise<string> {
  const given = process.env.TEST_DATABASE_URL;
  if (given) {
    return given;
  }
  own ??= startKeptServer(KEEPER);
  return (await own).url;
}
