/** The page's style: light and dark, wide and narrow, by the reader's settings. */
export const style = `
:root {
  --page: #fbfbfd; --card: #fff; --ink: #1b1d23; --soft: #5a6070; --line: #dfe2ea; --tint: #f1f3f8;
  --link: #1c53c4; --pass: #14713a; --fail: #b3202c; --warning: #8a5a00; --open: #6a4bb8; --none: #5a6070;
  --sent: #1c53c4; --received: #14713a; --good-tint: #e5f4ea; --bad-tint: #fdeaea; --open-tint: #fff4dc;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161b; --card: #1c1f26; --ink: #e8eaf0; --soft: #a3aabb; --line: #333946; --tint: #262a33;
    --link: #8fb4ff; --pass: #6fd394; --fail: #ff8d8d; --warning: #f0bf62; --open: #c4aeff; --none: #a3aabb;
    --sent: #8fb4ff; --received: #6fd394; --good-tint: #16301f; --bad-tint: #3a1c20; --open-tint: #342a14;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
.page { max-width: 66rem; margin: 0 auto; padding: 0 1.25rem; }
a { color: var(--link); text-underline-offset: .18em; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
code, pre { font-family: var(--mono); font-size: .875em; overflow-wrap: anywhere; }
pre { margin: 0; white-space: pre-wrap; }
h1, h2, h3, h4, p, ul, dl, blockquote { margin: 0; }
h1 { font-size: clamp(1.9rem, 5vw, 2.9rem); line-height: 1.1; letter-spacing: -.02em; }
h2 { font-size: 1.5rem; letter-spacing: -.01em; margin: 3rem 0 .75rem; }
h3 { font-size: 1.05rem; }
h4 { font-size: .95rem; margin: 1.5rem 0 .5rem; }
[hidden] { display: none !important; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 1; }

header { padding: 2.25rem 0 2rem; border-bottom: 1px solid var(--line); border-top: .5rem solid; }
header.good { border-top-color: var(--pass); background: var(--good-tint); }
header.bad { border-top-color: var(--fail); background: var(--bad-tint); }
header.open { border-top-color: var(--warning); background: var(--open-tint); }
.eyebrow { font-weight: 600; color: var(--soft); margin-bottom: .25rem; }
header.good h1 { color: var(--pass); } header.bad h1 { color: var(--fail); } header.open h1 { color: var(--warning); }
.summary { font-size: 1.2rem; margin-top: .5rem; overflow-wrap: anywhere; }
.bar { display: flex; gap: 2px; height: .75rem; margin: 1.5rem 0 .75rem; border-radius: 99px; overflow: hidden; }
.bar span { background: var(--none); min-width: 4px; }
.bar .pass { background: var(--pass); } .bar .fail { background: var(--fail); }
.bar .warning, .bar .known { background: var(--warning); } .bar .inconclusive, .bar .vacuous { background: var(--open); }
.totals { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; }
.totals strong { font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.totals .pass strong { color: var(--pass); } .totals .fail strong { color: var(--fail); }
.totals .warning strong, .totals .known strong { color: var(--warning); }
.totals .inconclusive strong, .totals .vacuous strong { color: var(--open); }
.facts { margin-top: 1.25rem; display: grid; gap: .3rem; }
.facts div { display: grid; grid-template-columns: 7.5rem 1fr; gap: .75rem; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; overflow-wrap: anywhere; }

.lead { color: var(--soft); margin-bottom: 1rem; }
.failure { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--fail); border-radius: 8px; margin: 0 0 1rem; }
.failure.warning, .failure.known { border-left-color: var(--warning); }
summary { cursor: pointer; }
.failure > details > summary { padding: .9rem 1.1rem; }
.failure summary h3 { display: inline; overflow-wrap: anywhere; }
.failure .gist { display: block; color: var(--soft); margin: .25rem 0 0 1.1rem; overflow-wrap: anywhere; }
.failure > details[open] > summary .gist { display: none; }
.body { padding: 0 1.1rem 1.1rem; }
blockquote { border-left: 3px solid var(--line); padding-left: .9rem; font-size: 1.05rem; }
.level, .profile { font-size: .75rem; font-weight: 600; color: var(--soft); border: 1px solid var(--line); border-radius: 4px; padding: .05rem .4rem; white-space: nowrap; }
.where { margin: .4rem 0 0 1.1rem; font-size: .9rem; color: var(--soft); }
.outcome { margin-top: 1rem; display: grid; grid-template-columns: 6rem 1fr; gap: .35rem .75rem; }
.outcome dt { color: var(--soft); grid-column: 1; } .outcome dd { margin: 0; grid-column: 2; overflow-wrap: anywhere; white-space: pre-line; }
.outcome .actual { font-weight: 600; } .outcome .or { color: var(--soft); }
.outcome .hint { background: var(--tint); border-radius: 6px; padding: .5rem .75rem; }
.follows, .why, .frames { margin-top: .9rem; }
.follows ul { padding-left: 1.4rem; margin-top: .4rem; } .follows li { margin: .2rem 0; overflow-wrap: anywhere; }
.why p { margin: .6rem 0; max-width: 46rem; } .why pre { background: var(--tint); padding: .75rem; border-radius: 6px; }
.command { display: flex; gap: .5rem; align-items: flex-start; background: var(--tint); border-radius: 6px; padding: .6rem .75rem; }
.command pre { flex: 1; min-width: 0; max-height: 24rem; overflow: auto; }
.copy-all { margin-top: 1rem; } .copy-all pre { background: var(--tint); padding: .75rem; margin-bottom: .5rem; max-height: 24rem; overflow: auto; }
button { font: inherit; font-size: .85rem; color: var(--ink); background: var(--card); border: 1px solid var(--soft); border-radius: 6px; padding: .25rem .7rem; min-height: 2rem; cursor: pointer; }
button:hover { border-color: var(--link); color: var(--link); }
.command button { flex: none; }

.sequence, .scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; background: var(--page); }
.sequence { padding: .25rem .5rem; }
.sequence svg { display: block; font: 12px var(--mono); }
.sequence text { fill: var(--ink); }
.sequence .lane { stroke: var(--line); stroke-width: 1.5; } .sequence .lane.server { stroke: var(--soft); stroke-width: 3; }
.sequence .name { font-weight: 700; }
.sequence .time, .sequence .gap { fill: var(--soft); }
.sequence .frame line { stroke: var(--received); stroke-width: 1.5; } .sequence .frame path { fill: var(--received); }
.sequence .sent line { stroke: var(--sent); } .sequence .sent path { fill: var(--sent); }
.sequence .handshake line { stroke-dasharray: 5 3; }
.sequence .ping line, .sequence .pong line { stroke-dasharray: 2 3; } .sequence .ping text, .sequence .pong text { fill: var(--soft); }
.sequence .close line, .sequence .tcp line { stroke: var(--fail); stroke-width: 2.5; } .sequence .close path, .sequence .tcp path { fill: var(--fail); }
.sequence .close text:last-child, .sequence .tcp text:last-child { fill: var(--fail); font-weight: 700; }
.sequence .note rect { fill: var(--tint); } .sequence .note text { font-style: italic; } .sequence .note .time { font-style: normal; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td:first-child, th:first-child { text-align: right; font-variant-numeric: tabular-nums; }
.frames .scroll { margin-top: .5rem; max-height: 32rem; overflow: auto; }

.chip { display: inline-block; font-size: .8rem; font-weight: 600; white-space: nowrap; color: var(--none); }
.chip.pass { color: var(--pass); } .chip.fail { color: var(--fail); } .chip.warning, .chip.known { color: var(--warning); }
.chip.inconclusive, .chip.vacuous { color: var(--open); }
.filters { display: flex; flex-wrap: wrap; gap: .75rem 1rem; align-items: end; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1rem; }
.filters label { font-size: .85rem; color: var(--soft); } .filters .search { flex: 1 1 16rem; }
.filters input[type=search], .filters select { display: block; width: 100%; min-height: 2.4rem; margin-top: .2rem; font: inherit; color: var(--ink); background: var(--page); border: 1px solid var(--soft); border-radius: 6px; padding: .3rem .6rem; }
.filters fieldset { border: 0; padding: 0; margin: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; flex-basis: 100%; }
.filters legend { font-size: .85rem; color: var(--soft); padding: 0; float: left; margin-right: 1rem; }
.toggle { display: inline-flex; align-items: center; gap: .35rem; min-height: 1.75rem; } .toggle .number { font-variant-numeric: tabular-nums; }
.shown { font-size: .85rem; color: var(--soft); flex-basis: 100%; }
.chapter h3 { margin: 1.75rem 0 .5rem; font-size: 1.15rem; } .chapter small { font-weight: 400; color: var(--soft); font-size: .85rem; margin-left: .4rem; }
.rules { list-style: none; padding: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.rules > li { padding: .7rem 1.1rem; border-top: 1px solid var(--line); } .rules > li:first-child { border-top: 0; }
.rules > li:target { box-shadow: inset 4px 0 var(--link); }
.row { display: flex; flex-wrap: wrap; gap: .2rem .75rem; align-items: baseline; }
.row .chip { min-width: 6.6rem; } .row .id { overflow-wrap: anywhere; } .took { margin-left: auto; color: var(--soft); font-size: .85rem; font-variant-numeric: tabular-nums; }
.rules p { overflow-wrap: anywhere; } .rules .reason { color: var(--soft); font-size: .9rem; }
.variants { list-style: none; padding: 0; margin-top: .25rem; font-size: .9rem; }
.notes { padding-left: 1.25rem; } .notes li { overflow-wrap: anywhere; white-space: pre-line; } .notes .warning strong { color: var(--warning); } .notes .error strong { color: var(--fail); }
#about ~ details { margin-top: .75rem; } #about ~ details pre { background: var(--tint); padding: .75rem; border-radius: 6px; margin-top: .5rem; }
footer { color: var(--soft); font-size: .85rem; padding-top: 2rem; padding-bottom: 2.5rem; }

@media (max-width: 40rem) {
  .page { padding: 0 .9rem; }
  .facts div, .outcome { grid-template-columns: 1fr; gap: 0; } .facts div { margin-bottom: .35rem; }
  .outcome dt, .outcome dd { grid-column: 1; } .outcome dt { margin-top: .6rem; font-size: .85rem; }
  .frames table, .frames tbody, .frames td { display: block; } .frames thead { display: none; }
  .frames tr { display: flex; flex-wrap: wrap; border-bottom: 1px solid var(--line); padding: .3rem 0; }
  .frames td { border: 0; padding: 0 .6rem; } .frames td:last-child { flex-basis: 100%; }
  .row .chip { min-width: 0; } .took { margin-left: 0; } .command { flex-direction: column; }
  .body, .failure > details > summary, .rules > li { padding-left: .8rem; padding-right: .8rem; }
}
@media print { .filters, button, .skip { display: none !important; } .failure, .rules > li { break-inside: avoid; } body { background: #fff; } }
`;
