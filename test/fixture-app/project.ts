import { defineProject } from '../../src/definition/define-project.ts';
import { notes } from './notes/app.ts';
import { people } from './people/app.ts';

/** The project of the engine's tests. It contains none of the repository's own apps. */
export const fixtureProject = defineProject({ apps: [people, notes] });
