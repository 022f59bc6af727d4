import { defineApp } from '../../definition/define-app.ts';

export const site = defineApp({
  name: 'site',
  directory: import.meta.dirname,
  on: ['site'],
});
