import { defineApp } from '../../definition/define-app.ts';

export const accounts = defineApp({
  name: 'accounts',
  directory: import.meta.dirname,
  on: ['tenant', 'site'],
});
