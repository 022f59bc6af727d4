import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Package = Readonly<{
  version: string;
  license?: string;
  dev?: boolean;
  integrity?: string;
  hasInstallScript?: boolean;
  link?: boolean;
}>;

const project = join(import.meta.dirname, '..');
const PAGE = join(project, 'docs', 'licences.md');

/** Their package.json has the old field `licenses`, which npm does not put into a lock file. Read there. */
const STATED_ELSEWHERE: Readonly<Record<string, string>> = {
  buildcheck: 'MIT',
  'cpu-features': 'MIT',
  ssh2: 'MIT',
};

export type Dependency = Readonly<{
  name: string;
  version: string;
  licence: string;
  /** Whether it is of no use but to develop and test, and not in the image. */
  isDevelopment: boolean;
  integrity: string | null;
  hasInstallScript: boolean;
}>;

/** What package-lock.json names, by name and version; a package that is there twice counts once. */
export function readDependencies(): readonly Dependency[] {
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Package>;
  };
  const found = new Map<string, Dependency>();
  for (const [path, { version, license, dev, integrity, hasInstallScript, link }] of Object.entries(
    lock.packages,
  )) {
    const name = path.split('node_modules/').at(-1) ?? '';
    // This project itself, and the packages that are folders of it.
    if (!path.startsWith('node_modules/') || link) {
      continue;
    }
    const key = `${name} ${version}`;
    found.set(key, {
      name,
      version,
      licence: license ?? STATED_ELSEWHERE[name] ?? 'none stated',
      // One place in production is enough.
      isDevelopment: dev === true && found.get(key)?.isDevelopment !== false,
      integrity: integrity ?? null,
      hasInstallScript: hasInstallScript === true,
    });
  }
  // By code units: the same order in every locale.
  return [...found.entries()].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, value]) => value);
}

/** docs/licences.md, as it has to be. */
export function licencesPage(dependencies: readonly Dependency[]): string {
  const counts = new Map<string, number>();
  for (const { licence } of dependencies.filter(({ isDevelopment }) => isDevelopment)) {
    counts.set(licence, (counts.get(licence) ?? 0) + 1);
  }
  return `# Licences

Written by \`npm run licences\` from package-lock.json; a test says when it is out of date, and refuses a licence that is not on its list.

## In the image

| package | version | licence |
|---|---|---|
${dependencies
  .filter(({ isDevelopment }) => !isDevelopment)
  .map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`)
  .join('\n')}

Of a package that is there for many platforms the image has one. The image's base, and psql and pg_dump with what they link to, come from Debian and PostgreSQL. \`/app/sbom.json\` in the image lists its packages for machines (CycloneDX).

## To develop and test only

| licence | packages |
|---|---|
${[...counts]
  .sort(([one, a], [other, b]) => b - a || (one < other ? -1 : 1))
  .map(([licence, count]) => `| ${licence} | ${count} |`)
  .join('\n')}
`;
}

export const readPage = (): string => readFileSync(PAGE, 'utf8');

if (import.meta.main) {
  writeFileSync(PAGE, licencesPage(readDependencies()));
}
