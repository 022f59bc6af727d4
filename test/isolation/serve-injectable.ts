/**
 * Serves the injectable routes until Ctrl-C, for outside tools:
 * `node test/isolation/serve-injectable.ts`. Prints what to point them at.
 */
import { once } from 'node:events';

import { openWorld } from '../helpers/world.ts';
import { openScene } from './stage.ts';

const world = await openWorld();
const scene = await openScene(world);
const stage = scene.stage();
const { port } = await stage.testApp();
const { alice } = await stage.tokens();
// A token of acme ends after five minutes: start anew for another.
console.log(`
One statement:  GET  http://127.0.0.1:${port}/api/injectable/?q=one
Several:        POST http://127.0.0.1:${port}/api/injectable/several/   {"q": "one"}
Host: acme.localhost
Authorization: Bearer ${alice}
`);
await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
await scene.close();
await world.close();
process.exit();
