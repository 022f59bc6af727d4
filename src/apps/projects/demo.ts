import type { AppDemo } from '../../definition/app-demo.ts';

/** Demo projects by schema. */
const PROJECTS: Readonly<Record<string, readonly string[]>> = {
  acme: ['Rocket skates', 'Giant magnet'],
  globex: ['Weather machine', 'Hammock district'],
  initech: ['New cover sheets'],
  hooli: ['Nucleus'],
};

/** Adds the projects of a demo tenant that has none. */
export const seed: AppDemo['seed'] = async (client, { schema }) => {
  await client.query(
    `insert into projects (name)
     select p.name
     from unnest($1::text[]) with ordinality as p (name, place)
     where not exists (select from projects)
     order by p.place`,
    [PROJECTS[schema] ?? []],
  );
};

export const introduction: NonNullable<AppDemo['introduction']> = (_tenant, url) => [
  'List projects:',
  `  curl -s ${url}/api/projects/ -H "Authorization: Bearer $TOKEN"`,
];
