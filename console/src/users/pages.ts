import type { ConsolePage } from '../router/pages';

export const pages: readonly ConsolePage[] = [
  {
    name: 'users',
    kind: 'any',
    path: '/users',
    title: 'Users',
    component: () => import('./UsersPage.vue'),
    isForSiteSuperusers: true,
    navigation: { order: 10 },
  },
  {
    name: 'new-user',
    kind: 'any',
    path: '/users/new',
    title: 'Add user',
    component: () => import('./NewUserPage.vue'),
    isForSiteSuperusers: true,
  },
  {
    name: 'user',
    kind: 'any',
    path: '/users/:id',
    title: 'User',
    component: () => import('./UserPage.vue'),
    isForSiteSuperusers: true,
  },
  {
    name: 'account',
    kind: 'any',
    path: '/account',
    title: 'Your account',
    component: () => import('./AccountPage.vue'),
    navigation: { order: 90 },
  },
  {
    name: 'sessions',
    kind: 'any',
    path: '/sessions',
    title: 'Your sessions',
    component: () => import('./SessionsPage.vue'),
    navigation: { order: 91 },
  },
];
