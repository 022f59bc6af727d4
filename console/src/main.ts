import './styles/element-plus.css';
import './styles/theme.css';
import './styles/console.css';
import { createApp } from 'vue';
import App from './App.vue';
import { fallbackTo } from './api/failure';
import { refresh } from './api/session';
import { createConsoleRouter, openPages } from './router/router';

const router = createConsoleRouter();
// A new page has no access token yet.
await refresh();
// After a failure, App opens the pages again and shows the reason.
await openPages(router).catch(fallbackTo(null));
createApp(App).use(router).mount('#app');
