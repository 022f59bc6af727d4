import { computed, nextTick, ref } from 'vue';

/** The messages of an error response: those of fields by the field's name, all others in `form`. */
function messagesOf(error: unknown, fields: readonly string[]): Record<string, string[]> {
  const messages: Record<string, string[]> = {};
  for (const [key, value] of Object.entries(error as Record<string, unknown>)) {
    // An error is { detail, code }, or { field: [messages], non_field_errors: [messages] }.
    if (key !== 'code' && key !== 'messages') {
      const target = fields.includes(key) ? key : 'form';
      messages[target] = [...(messages[target] ?? []), ...[value].flat().map(String)];
    }
  }
  return messages;
}

/** The state of a form with these fields. */
export function useForm<const Field extends string>(fields: readonly Field[]) {
  const messages = ref<Record<string, string[]>>({});
  const isSending = ref(false);

  /** Sends the form. Returns whether it succeeded. Otherwise shows the errors, and focuses the first one. */
  async function submit(request: () => Promise<{ error?: unknown }>): Promise<boolean> {
    if (isSending.value) {
      return false;
    }
    isSending.value = true;
    messages.value = {};
    const { error } = await request();
    isSending.value = false;
    if (error !== undefined) {
      messages.value = messagesOf(error, fields);
      await nextTick();
      document.querySelector<HTMLElement>('[aria-invalid=true], [role=alert]')?.focus();
    }
    return error === undefined;
  }

  return {
    errorsOf: (field: Field): string[] => messages.value[field] ?? [],
    formErrors: computed(() => messages.value.form ?? []),
    isSending,
    submit,
  };
}
