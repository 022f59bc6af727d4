import { ref } from 'vue';
import { fallbackTo } from '../api/failure';
import { loadChoices, type Model, type Row } from './requests';

/** Maximum ids of a request for labels. */
const MAX_IDS = 100;

/** Reads the labels of the rows that fields refer to. Without a label, the id is shown. */
export function useLabels() {
  const labels = ref<Record<string, Record<string, string>>>({});

  async function loadLabels({ model, fields }: Model, rows: readonly Row[]): Promise<void> {
    await Promise.all(
      fields
        .filter(({ relation }) => relation)
        .map(async ({ name }) => {
          const ids = [
            ...new Set(rows.map((row) => row[name]).filter((id) => id !== null && id !== undefined)),
          ];
          if (ids.length > 0) {
            const found = await loadChoices(model, name, { ids: ids.slice(0, MAX_IDS).join(',') }).catch(
              fallbackTo([]),
            );
            labels.value[name] = Object.fromEntries(found.map(({ id, label }) => [String(id), label]));
          }
        }),
    );
  }

  return {
    loadLabels,
    labelsOf: (field: string): Readonly<Record<string, string>> => labels.value[field] ?? {},
  };
}
