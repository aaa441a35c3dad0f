/** The page's one style sheet; it needs nothing from elsewhere. Two columns where there is room, one on a phone, dark where the reader has it so. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf8; --card: #ffffff; --ink: #23272e; --soft: #646b76; --line: #e4e2dd; --link: #2459a6;
  --code: #f1efeb; --screen: #20252d; --screen-ink: #dfe4ea; --screen-soft: #98a2b0;
  --get: #1c6e53; --post: #2459a6; --patch: #8a5a00; --delete: #a32e2e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --card: #1a1e24; --ink: #d8dde4; --soft: #929ba8; --line: #2a3038; --link: #86b3f2;
    --code: #242a32; --screen: #0f1215; --screen-ink: #d8dde4; --screen-soft: #7d8794;
    --get: #6cc5a1; --post: #86b3f2; --patch: #dfb061; --delete: #ee8d8d;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1.5rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
a:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
p { margin: 0 0 .75rem; max-width: 68ch; }
h1, h2, h3, h4 { line-height: 1.25; font-weight: 600; margin: 0; text-wrap: balance; }
h1 { font-size: 2rem; letter-spacing: -.02em; margin-bottom: .9rem; }
h1 small { font-size: .85rem; font-weight: 400; color: var(--soft); letter-spacing: 0; margin-left: .4rem; }
h2 { font-size: 1.5rem; letter-spacing: -.01em; }
h3 { font-size: 1.125rem; }
h3 a { color: inherit; }
h4 { font-size: .8rem; color: var(--soft); margin: 1.5rem 0 .5rem; text-transform: uppercase; letter-spacing: .06em; }
code, pre { font-family: ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .85em; }
code { background: var(--code); border-radius: 4px; padding: .12em .35em; overflow-wrap: anywhere; }
pre { margin: 0; padding: .9rem 1rem; background: var(--screen); color: var(--screen-ink); border-radius: 8px; overflow-x: auto;
  font-size: .8rem; line-height: 1.6; max-height: 32rem; }
pre code { background: none; padding: 0; font-size: inherit; overflow-wrap: normal; }
nav { padding: 1rem 1.25rem; border-bottom: 1px solid var(--line); font-size: .9rem; display: flex; flex-wrap: wrap; gap: 0 1.1rem; }
nav ul { display: none; list-style: none; margin: 0 0 1rem; padding: 0; }
nav li a { display: block; padding: .2rem 0; color: var(--soft); }
nav strong a { display: block; padding: .2rem 0; color: var(--ink); font-weight: 600; }
main { padding: 2rem 1.25rem 5rem; max-width: 76rem; }
section { margin-top: 3.5rem; }
section > p { color: var(--soft); margin-top: .4rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem; margin-top: 1.25rem; }
article:target { border-color: var(--link); }
.route { margin: .35rem 0 1rem; display: flex; gap: .6rem; align-items: baseline; flex-wrap: wrap; }
.route code { background: none; padding: 0; font-size: .9rem; color: var(--soft); }
.method { font: 600 .75rem/1 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; letter-spacing: .04em; }
.GET { color: var(--get); } .POST { color: var(--post); } .PATCH, .PUT { color: var(--patch); } .DELETE { color: var(--delete); }
dl { margin: 0; }
.field { padding: .6rem 0; border-top: 1px solid var(--line); }
.field:first-child { border-top: 0; padding-top: 0; }
dt { line-height: 1.5; }
dd { margin: .15rem 0 0; color: var(--soft); font-size: .92rem; }
dd p { margin: 0; }
dd dl { margin: .5rem 0 0 .25rem; padding-left: .9rem; border-left: 2px solid var(--line); }
.type { color: var(--soft); font-size: .85rem; }
.required { color: var(--patch); font-size: .8rem; }
.choices { margin-top: .3rem; line-height: 2; }
details.errors { margin-top: .75rem; }
details.errors summary { cursor: pointer; color: var(--soft); font-size: .92rem; margin-bottom: .6rem; }
.example { margin-top: 1.25rem; border-radius: 8px; overflow: hidden; background: var(--screen); }
.example pre { border-radius: 0; padding-top: .25rem; }
.example p { margin: 0; padding: .6rem 1rem 0; color: var(--screen-soft); font-size: .75rem; letter-spacing: .02em; }
footer { margin-top: 4rem; color: var(--soft); font-size: .9rem; }
@media (min-width: 62rem) {
  body { display: grid; grid-template-columns: 16rem minmax(0, 1fr); }
  nav { display: block; position: sticky; top: 0; height: 100vh; overflow-y: auto; border-bottom: 0; border-right: 1px solid var(--line); padding: 2rem 1.5rem; }
  nav ul { display: block; }
  main { padding: 2.5rem 3rem 6rem; }
  article { padding: 1.75rem; }
}
@media (min-width: 80rem) {
  .columns { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 2.5rem; align-items: start; }
  .columns > .examples { position: sticky; top: 1.5rem; }
  .columns > .examples > .example:first-child { margin-top: 0; }
}
@media print { nav { display: none; } body { display: block; } article { break-inside: avoid; } }
`
