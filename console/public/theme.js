// Sets the colors before the first paint. The policy of the page forbids inline scripts.
const chosen = localStorage.getItem('console-theme');
const isDark = chosen === null ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark';
document.documentElement.classList.toggle('dark', isDark);
