import './styles/element-plus.css';
import './styles/theme.css';
import './styles/console.css';
import { createApp } from 'vue';
import App from './App.vue';
import { refresh } from './api/session';
import { createConsoleRouter, openPages } from './router/router';

const router = createConsoleRouter();
// A new page has no access token yet.
await refresh();
await openPages(router).catch(() => {});
createApp(App).use(router).mount('#app');
