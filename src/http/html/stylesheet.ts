/** The stylesheet of every page, for light and dark. Contrasts of text are at least those of WCAG AA. */
export const STYLESHEET = `:root {
  color-scheme: light dark;
  --page: #f5f6f8;
  --card: #ffffff;
  --text: #1c2430;
  --quiet: #505b6b;
  --line: #cfd5de;
  --field: #77828f;
  --accent: #1d56c9;
  --accent-strong: #17449f;
  --on-accent: #ffffff;
  --error: #a8201a;
  --error-back: #fdecea;
  --good: #1a6334;
  --good-back: #e7f4ea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151c;
    --card: #1a202a;
    --text: #e8ecf2;
    --quiet: #aab4c2;
    --line: #343d4b;
    --field: #7f8b9b;
    --accent: #8ab4ff;
    --accent-strong: #b3cdff;
    --on-accent: #0d1524;
    --error: #ffb0a9;
    --error-back: #3b1a19;
    --good: #9fdcb2;
    --good-back: #15301f;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { font-size: 100%; -webkit-text-size-adjust: 100%; }
body {
  margin: 0;
  min-height: 100vh;
  display: flex;
  flex-direction: column;
  background: var(--page);
  color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
a { color: var(--accent); text-underline-offset: 0.15em; }
a:hover { color: var(--accent-strong); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 0.75rem; padding: 0.25rem 0.75rem; background: var(--card); z-index: 1; }
.top, .bottom { padding: 1rem 1.25rem; }
.top { background: var(--card); border-bottom: 1px solid var(--line); }
.top-inner { max-width: 57.5rem; margin: 0 auto; display: flex; flex-wrap: wrap; gap: 0.5rem 1.5rem; align-items: center; justify-content: space-between; }
.brand { font-weight: 650; color: var(--text); text-decoration: none; display: inline-flex; align-items: center; gap: 0.6rem; }
.brand:hover { color: var(--accent); }
.brand svg, .brand img { width: 1.75rem; height: 1.75rem; display: block; }
nav ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0.5rem 1.25rem; }
nav a { display: inline-block; padding: 0.25rem 0; }
main { flex: 1; width: 100%; max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem; }
.narrow { max-width: 28rem; margin: 0 auto; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.5rem; }
@media (min-width: 40rem) { .card { padding: 2rem; } main { padding-top: 3.5rem; } }
h1, h2 { text-wrap: balance; }
h1 { margin: 0 0 0.75rem; font-size: 1.6rem; line-height: 1.25; letter-spacing: -0.01em; }
h2 { margin: 0 0 0.5rem; font-size: 1.15rem; line-height: 1.3; }
p { margin: 0 0 1rem; }
.card > :last-child { margin-bottom: 0; }
.quiet { color: var(--quiet); }
.lead { font-size: 1.15rem; color: var(--quiet); max-width: 40rem; text-wrap: balance; }
.hero { padding: 1rem 0 2rem; }
.hero h1 { font-size: clamp(1.9rem, 5vw, 2.9rem); max-width: 36rem; letter-spacing: -0.02em; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); padding: 0; margin: 0; list-style: none; }
.actions { display: flex; flex-wrap: wrap; gap: 0.75rem 1rem; align-items: center; margin: 1.5rem 0 0; }
form { margin: 0; }
form > :last-child { margin-bottom: 0; }
.field { margin: 0 0 1.1rem; }
label { display: block; font-weight: 600; margin-bottom: 0.3rem; }
.hint { color: var(--quiet); font-size: 0.9rem; margin: 0.3rem 0 0; }
input {
  width: 100%;
  min-height: 2.75rem;
  padding: 0.5rem 0.75rem;
  font: inherit;
  color: var(--text);
  background: var(--card);
  border: 1px solid var(--field);
  border-radius: 8px;
}
input[aria-invalid="true"] { border-color: var(--error); border-width: 2px; }
.suffixed { display: flex; align-items: center; gap: 0.5rem; flex-wrap: wrap; }
.suffixed input { flex: 1 1 9rem; width: auto; min-width: 0; }
.fault { color: var(--error); font-size: 0.95rem; margin: 0.3rem 0 0; }
button, .button {
  display: inline-block;
  min-height: 2.75rem;
  padding: 0.6rem 1.25rem;
  font: inherit;
  font-weight: 600;
  line-height: 1.5rem;
  text-align: center;
  text-decoration: none;
  color: var(--on-accent);
  background: var(--accent);
  border: 1px solid var(--accent);
  border-radius: 8px;
  cursor: pointer;
}
button:hover, .button:hover { background: var(--accent-strong); border-color: var(--accent-strong); color: var(--on-accent); }
.second { background: transparent; color: var(--accent); }
.second:hover { background: transparent; color: var(--accent-strong); border-color: var(--accent-strong); }
.notice { border: 1px solid currentcolor; border-radius: 8px; padding: 0.75rem 1rem; margin: 0 0 1.25rem; }
.notice.bad { color: var(--error); background: var(--error-back); }
.notice.good { color: var(--good); background: var(--good-back); }
.notice p:last-child { margin: 0; }
.also { margin: 1.5rem 0 0; padding: 1rem 0 0; border-top: 1px solid var(--line); list-style: none; }
.also li { margin: 0.35rem 0; }
dl { margin: 0 0 1.5rem; }
dt { color: var(--quiet); font-size: 0.95rem; }
dd { margin: 0 0 0.75rem; }
.below { margin-top: 1rem; }
.rows { margin: 0; padding: 0; list-style: none; }
.rows li { padding: 0.6rem 0; border-top: 1px solid var(--line); }
time { white-space: nowrap; }
table { width: 100%; border-collapse: collapse; overflow-wrap: normal; }
th, td { padding: 0.5rem 0.75rem 0.5rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
th { font-weight: 600; }
meter { display: block; width: 100%; max-width: 12rem; height: 0.6rem; margin-top: 0.35rem; }
code { font-family: ui-monospace, "Liberation Mono", "DejaVu Sans Mono", monospace; font-size: 0.95em; }
.status { font-size: 0.95rem; font-weight: 600; color: var(--quiet); margin: 0 0 0.25rem; }
.bottom { color: var(--quiet); font-size: 0.9rem; text-align: center; }
.bottom p { margin: 0; }
`;

/** The icon of every page. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1d56c9"/><path d="M8 9h6v6H8zM18 9h6v6h-6zM8 19h6v6H8z" fill="#fff"/><path d="M18 19h6v6h-6z" fill="#9dc0ff"/></svg>
`;
