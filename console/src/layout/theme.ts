import { ref } from 'vue';

/** Follows the system until the user chooses. public/theme.js applies the same before the first paint. */
export type Theme = 'system' | 'light' | 'dark';

const STORED = 'console-theme';
const system = matchMedia('(prefers-color-scheme: dark)');

function stored(): Theme {
  const value = localStorage.getItem(STORED);
  return value === 'light' || value === 'dark' ? value : 'system';
}

export const theme = ref<Theme>(stored());

function apply(): void {
  const isDark = theme.value === 'system' ? system.matches : theme.value === 'dark';
  document.documentElement.classList.toggle('dark', isDark);
}

export function setTheme(value: Theme): void {
  theme.value = value;
  if (value === 'system') {
    localStorage.removeItem(STORED);
  } else {
    localStorage.setItem(STORED, value);
  }
  apply();
}

system.addEventListener('change', apply);
addEventListener('storage', ({ key }) => {
  if (key === STORED) {
    theme.value = stored();
    apply();
  }
});
