/**
 * Every endpoint of accounts, with every documented response.
 *
 * Runs against this service, or against another server: see docs/conformance.md.
 *
 *   CONFORMANCE_URL        URL of `/users/` and `/jwt/`. Default: this service, on its own world
 *   CONFORMANCE_HOST       the Host header, if the URL does not contain it
 *   CONFORMANCE_SETTINGS   settings of the server that differ from the defaults, as JSON
 *   CONFORMANCE_MAIL_DIR   the folder of its mails
 *   CONFORMANCE_STAFF      name:password:address of a user of its staff
 *   CONFORMANCE_SUPERUSER  name:password:address of a superuser
 *   CONFORMANCE_DIALECT    `django`: skip cases in which koa-tenants differs on purpose
 */
import test from 'ava';
import pLimit from 'p-limit';
import { z } from 'zod';
import { settings } from '../../../../src/apps/accounts/settings.ts';
import { engineSettings } from '../../../../src/tenancy/registry/tenant-settings.ts';
import { cases } from './cases.ts';
import { otherServer } from './other-server.ts';
import { ownService } from './own-service.ts';
import { keyOf, readRecorded } from './recorded.ts';
import { isOurDialect } from './shape.ts';
import type { Target } from './target.ts';
import { tryCase } from './try-case.ts';

const isOwn = process.env.CONFORMANCE_URL === undefined;
const standard = z.object({ ...settings, ...engineSettings }).parse({});
const target: Target = isOwn ? ownService() : otherServer(process.env, standard as never);
test.after.always(target.close);

const recorded = readRecorded();
const skipped = new Map<string, number>();
const skip = (why: string): void => {
  skipped.set(why, (skipped.get(why) ?? 0) + 1);
};

// Each case hashes passwords: many at the same time would only wait for each other.
const inTurn = pLimit(4);

for (const one of cases) {
  const { title, settings = {}, needs = [], difference } = one;
  const set = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const lacking = needs.filter((need) => target.lacks.includes(need));
  if (difference !== undefined && !isOurDialect) {
    skip('differ on purpose in koa-tenants');
  } else if (lacking.length > 0) {
    skip(`need ${lacking.join(' and ')}, which is not configured`);
  } else if (!isOwn && target.serverFor(settings) === null) {
    skip('are about other settings than CONFORMANCE_SETTINGS');
  } else {
    test(`${set.length > 0 ? `with ${set.join(', ')}: ` : ''}${title}`, async (t) => {
      await inTurn(async () => {
        const server = await target.serverFor(settings);
        const theirs = isOwn && difference === undefined ? recorded.get(keyOf(one))?.responses : undefined;
        await t.notThrowsAsync(async () => server && tryCase(server, one, { recorded: theirs ?? [] }));
      });
    });
  }
}

for (const [why, count] of skipped) {
  console.warn(`${count} cases are skipped: they ${why}.`);
}
