import { nextTick, ref, shallowRef } from 'vue';
import { Failure } from '../api/failure';

/** The state of a form that sends a request. */
export function useSubmit() {
  const failure = shallowRef<Failure | null>(null);
  const isSending = ref(false);

  /** Sends the request. Returns its result, or null after a failure, which it shows and focuses. */
  async function submit<Result>(request: () => Promise<Result>): Promise<Result | null> {
    if (isSending.value) {
      return null;
    }
    isSending.value = true;
    failure.value = null;
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof Failure)) {
        throw error;
      }
      failure.value = error;
      await nextTick();
      document.querySelector<HTMLElement>('[aria-invalid=true], [role=alert]')?.focus();
      return null;
    } finally {
      isSending.value = false;
    }
  }

  return {
    failure,
    isSending,
    submit,
    errorsOf: (field: string): readonly string[] => failure.value?.fields[field] ?? [],
  };
}
