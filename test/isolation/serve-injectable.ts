/**
 * Serves the injectable routes until Ctrl-C, for external tools:
 * `node test/isolation/serve-injectable.ts`. Prints URLs and a token.
 */
import { once } from 'node:events';
import { attackedProject } from './attacked-project.ts';
import { openAttackedWorld } from './attacked-world.ts';
import { openFixtures } from './fixture.ts';

const world = await openAttackedWorld({ project: attackedProject });
const fixtures = await openFixtures(world);
const fixture = fixtures.fixture();
const { port } = await fixture.testApp();
const { alice } = await fixture.tokens();
// A token of acme expires after five minutes. Restart to get a new one.
console.log(`
One statement:  GET  http://127.0.0.1:${port}/api/injectable/?q=one
Several:        POST http://127.0.0.1:${port}/api/injectable/several/   {"q": "one"}
Host: acme.localhost
Authorization: Bearer ${alice}
`);
await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
await fixtures.close();
await world.close();
process.exit();
