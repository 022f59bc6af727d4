import { computed, type WritableComputedRef } from 'vue';
import { useRoute, useRouter } from 'vue-router';

/** Returns a parameter of the page's URL. A change goes to the first page of a list, so it removes `page`. */
export function useQuery(name: string): WritableComputedRef<string> {
  const route = useRoute();
  const router = useRouter();
  return computed({
    get: () => {
      const value = route.query[name];
      return typeof value === 'string' ? value : '';
    },
    set: (value: string) => {
      const { page: _page, [name]: _old, ...rest } = route.query;
      void router.replace({ query: value === '' ? rest : { ...rest, [name]: value } });
    },
  });
}
