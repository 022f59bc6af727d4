import test from 'ava';

import { findNodeVulnerability } from '../../src/config/node-version.ts';

for (const version of ['22.23.3', '22.22.9', '24.22.0', '24.21.0', '24.9.9', '26.12.0', '26.0.0']) {
  test(`Node ${version} has a published vulnerability`, (t) => {
    const { fault, remedy } = findNodeVulnerability(version) ?? {};
    t.is(fault, `Node ${version} has published vulnerabilities (CVE-2026-111497)`);
    t.regex(remedy ?? '', new RegExp(`^Use Node ${version.slice(0, 2)}\\.\\d+\\.\\d+ or later\\.$`));
  });
}

for (const version of ['20.20.2', '18.20.8', '23.11.1', '25.9.0', '21.7.3']) {
  test(`Node ${version} gets no security fixes`, (t) => {
    t.deepEqual(findNodeVulnerability(version), {
      fault: `Node ${version} no longer receives security fixes`,
      remedy: 'Use Node 24.22.1 or later.',
    });
  });
}

for (const version of [
  '22.23.4',
  '22.24.0',
  '24.22.1',
  '24.22.3',
  '24.23.0',
  '26.12.1',
  '26.13.0',
  '27.0.0',
]) {
  test(`Node ${version} is not on the list`, (t) => {
    t.is(findNodeVulnerability(version), null);
  });
}
