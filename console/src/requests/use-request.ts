import { onScopeDispose, type Ref, ref, shallowRef } from 'vue';
import { Failure } from '../api/failure';

/** The state of a request that a page shows. */
export type PageRequest<Data> = Readonly<{
  data: Ref<Data | null>;
  failure: Ref<Failure | null>;
  isLoading: Ref<boolean>;
  /** Sends the request again. The data stays until the response is there. */
  reload: () => Promise<void>;
}>;

const asFailure = (error: unknown): Failure =>
  error instanceof Failure ? error : new Failure('The page failed. Reload it.', { status: 0 });

/**
 * Sends a request when the component is set up. A response that a later request has overtaken is ignored.
 *
 * @param poll sends the request again `every` milliseconds after a response, while `while` returns true
 */
export function useRequest<Data>(
  load: () => Promise<Data>,
  poll?: { every: number; while: (data: Data | null) => boolean },
): PageRequest<Data> {
  const data = shallowRef<Data | null>(null) as Ref<Data | null>;
  const failure = shallowRef<Failure | null>(null);
  const isLoading = ref(false);
  let newest = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function reload(): Promise<void> {
    clearTimeout(timer);
    newest += 1;
    const own = newest;
    isLoading.value = true;
    try {
      const loaded = await load();
      if (own === newest) {
        data.value = loaded;
        failure.value = null;
      }
    } catch (error) {
      if (own === newest) {
        failure.value = asFailure(error);
      }
      if (!(error instanceof Failure)) {
        console.error(error);
      }
    }
    if (own === newest) {
      isLoading.value = false;
      if (poll?.while(data.value)) {
        timer = setTimeout(() => void reload(), poll.every);
      }
    }
  }

  onScopeDispose(() => {
    newest += 1;
    clearTimeout(timer);
  });
  void reload();
  return { data, failure, isLoading, reload };
}
