import { defineApp } from '../../definition/define-app.ts';

export const projects = defineApp({
  name: 'projects',
  directory: import.meta.dirname,
});
