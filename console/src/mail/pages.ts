import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'mail',
    kind: 'site',
    path: '/mail',
    title: 'Mail',
    component: () => import('./MailPage.vue'),
    navigation: { order: 5 },
  },
];
