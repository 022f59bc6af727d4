import { computed, ref } from 'vue';

// Pages are fragments (#/projects?page=2), so any server of static files can serve them.
const fragment = ref(location.hash.slice(1));
addEventListener('hashchange', () => {
  fragment.value = location.hash.slice(1);
});

/** The path of the page as its segments. */
export const path = computed(() => (fragment.value.split('?')[0] ?? '').split('/').filter(Boolean));

export const query = computed(() => new URLSearchParams(fragment.value.split('?')[1]));

export function go(to: string): void {
  location.hash = to;
}
