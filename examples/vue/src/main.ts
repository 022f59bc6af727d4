import './style.css';
import { createApp } from 'vue';
import App from './App.vue';
import { refresh } from './session';

// A new page has no access token yet.
await refresh();
createApp(App).mount('#app');
