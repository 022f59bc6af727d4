import type { Component } from 'vue';
import { fallbackTo } from '../api/failure';
import type { HostInfo } from '../api/host';

/** A link of the navigation. */
export type NavigationItem = Readonly<{
  label: string;
  /** The path of a page. */
  to: string;
  /** Heading of the group of the item. Without one it is in the first group. */
  group?: string;
  /** Items are ordered by it, then by their label. Default: 100. */
  order?: number;
}>;

/** A page of the console. */
export type ConsolePage = Readonly<{
  /** Name of the route, unique in the console. */
  name: string;
  /** Kind of the hosts that have the page, or `any`. */
  kind: HostInfo['kind'] | 'any';
  /** Path below /console, with parameters as in vue-router: `/tenants/:schema`. They are properties of the component. */
  path: string;
  title: string;
  /** Lazy, so that the first page does not load all of them. */
  component: () => Promise<{ default: Component }>;
  /** Whether only superusers of the public site may open it. Other pages require staff. */
  isForSiteSuperusers?: boolean;
  /** Shows the page in the navigation. */
  navigation?: Omit<NavigationItem, 'to' | 'label'> & Readonly<{ label?: string }>;
}>;

/**
 * What the file `pages.ts` of a subject's folder exports. Each such file is found by its name: a folder that is
 * deleted needs no other change.
 */
export type PagesModule = Readonly<{
  pages: readonly ConsolePage[];
  /** Loads further items of the navigation, for example one per model. Called after each login. */
  loadNavigation?: (host: HostInfo) => Promise<readonly NavigationItem[]>;
}>;

// The pattern also matches this file, which has no `pages`.
const modules: readonly PagesModule[] = Object.values(
  import.meta.glob<PagesModule>('../*/pages.ts', { eager: true }),
).filter(({ pages }) => Array.isArray(pages));

/** Returns the pages of a kind of hosts that the user may open. */
export const pagesOf = ({ kind, user }: HostInfo): readonly ConsolePage[] =>
  modules
    .flatMap(({ pages }) => pages)
    .filter(
      (page) =>
        [kind, 'any'].includes(page.kind) &&
        (kind !== 'site' || user?.is_superuser === true || !page.isForSiteSuperusers),
    );

/** Returns the navigation. Items that cannot be loaded are missing: their pages show the reason. */
export async function navigationOf(host: HostInfo): Promise<readonly NavigationItem[]> {
  const own = pagesOf(host).flatMap(({ navigation, path, title }) =>
    navigation ? [{ label: title, ...navigation, to: path }] : [],
  );
  const loaded = await Promise.all(
    modules.map(({ loadNavigation }) => loadNavigation?.(host).catch(fallbackTo([])) ?? []),
  );
  return [...own, ...loaded.flat()].sort(
    (one, other) => (one.order ?? 100) - (other.order ?? 100) || one.label.localeCompare(other.label),
  );
}
