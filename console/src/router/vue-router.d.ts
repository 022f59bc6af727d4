import 'vue-router';

declare module 'vue-router' {
  interface RouteMeta {
    title?: string;
    /** Whether the page needs no session. */
    isOpen?: boolean;
  }
}
