import { nextTick } from 'vue';
import { createRouter, createWebHistory, type Router } from 'vue-router';
import { type HostInfo, host, loadHost } from '../api/host';
import { isLoggedIn } from '../api/session';
import { pagesOf } from './pages';

const LOGIN = '/login';

/** Creates the router. Pages of the host are added after the login, when the host's kind and the user are known. */
export function createConsoleRouter(): Router {
  const router = createRouter({
    history: createWebHistory('/console/'),
    routes: [
      {
        path: LOGIN,
        name: 'login',
        component: () => import('../login/LoginPage.vue'),
        meta: { title: 'Log in', isOpen: true },
      },
      {
        path: '/act-for',
        name: 'act-for',
        component: () => import('../login/ActForPage.vue'),
        meta: { title: 'Act for a user', isOpen: true },
      },
      {
        path: '/:rest(.*)*',
        name: 'not-found',
        component: () => import('../layout/NotFoundPage.vue'),
        meta: { title: 'Page not found' },
      },
    ],
  });

  router.beforeEach((to) => {
    if (to.meta.isOpen) {
      return true;
    }
    if (!isLoggedIn.value) {
      return { path: LOGIN, query: to.fullPath === '/' ? {} : { next: to.fullPath } };
    }
    return true;
  });

  router.afterEach(async (to, from) => {
    const title = String(to.meta.title ?? 'Console');
    document.title = host.value ? `${title} · ${host.value.name}` : title;
    // Moves the focus to the new page. A changed filter keeps the focus.
    if (to.path !== from.path) {
      await nextTick();
      document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true });
    }
  });
  return router;
}

/** The functions that remove the pages of the previous user. */
let removals: Array<() => void> = [];

/** Adds the pages that the user of the session may open, and removes those of the user before. */
function addPages(router: Router, info: HostInfo): void {
  for (const remove of removals) {
    remove();
  }
  removals = pagesOf(info).map(({ name, path, title, component }) =>
    router.addRoute({ name, path, component, props: true, meta: { title } }),
  );
}

/**
 * Loads the host and adds its pages. Called before the first page and after each login.
 *
 * @throws Failure
 */
export async function openPages(router: Router): Promise<HostInfo> {
  const info = await loadHost();
  addPages(router, info);
  return info;
}
