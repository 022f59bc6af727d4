import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'checks',
    kind: 'site',
    path: '/checks',
    title: 'Checks',
    component: () => import('./ChecksPage.vue'),
    navigation: { order: 4 },
  },
];
