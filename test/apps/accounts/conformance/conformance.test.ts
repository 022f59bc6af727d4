/**
 * Every endpoint of the accounts, and every answer that is documented for it.
 *
 * Runs our own service, or another server: see docs/conformance.md.
 *
 *   CONFORMANCE_URL        where `/users/` and `/jwt/` are; unset: our own service, on a world of its own
 *   CONFORMANCE_HOST       the Host header, where the URL does not say it
 *   CONFORMANCE_SETTINGS   what the server has set otherwise than we have, as JSON
 *   CONFORMANCE_MAIL_DIR   the folder that it writes its mails into
 *   CONFORMANCE_STAFF      name:password:address of a user of its staff
 *   CONFORMANCE_SUPERUSER  name:password:address of a superuser
 *   CONFORMANCE_DIALECT    `django`: leave out what is particular here
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
const left = new Map<string, number>();
const leaveOut = (why: string): void => {
  left.set(why, (left.get(why) ?? 0) + 1);
};

// Each case hashes passwords: many at the same time would only wait for each other.
const inTurn = pLimit(4);

for (const one of cases) {
  const { what, settings = {}, needs = [], particular } = one;
  const set = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const lacking = needs.filter((need) => target.lacks.includes(need));
  if (particular !== undefined && !isOurDialect) {
    leaveOut('are particular to koa-tenants');
  } else if (lacking.length > 0) {
    leaveOut(`need ${lacking.join(' and ')}, of which nothing was said`);
  } else if (!isOwn && target.placeFor(settings) === null) {
    leaveOut('are about other settings than CONFORMANCE_SETTINGS');
  } else {
    test(`${set.length > 0 ? `with ${set.join(', ')}: ` : ''}${what}`, async (t) => {
      await inTurn(async () => {
        const place = await target.placeFor(settings);
        const theirs = isOwn && particular === undefined ? recorded.get(keyOf(one))?.answers : undefined;
        await t.notThrowsAsync(async () => place && tryCase(place, one, { recorded: theirs ?? [] }));
      });
    });
  }
}

for (const [why, count] of left) {
  console.warn(`${count} cases are left out: they ${why}.`);
}
