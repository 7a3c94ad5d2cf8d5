import { CHART_PROPERTIES } from '../charts/inline.ts'

/** On a dark page; the light ones are those of the charts themselves. */
const DARK_CHART: Readonly<Record<string, string>> = {
  '--chart-ground': '#191d24',
  '--chart-ink': '#e8eaee',
  '--chart-soft-ink': '#a4acb9',
  '--chart-no-value': '#222731',
  '--chart-grid': '#323945',
  '--chart-shade': '#f0b429',
  '--chart-fault': '#f0b429',
  '--chart-outage': '#d64545',
  '--chart-leader': '#2f83bd',
  '--chart-series-0': '#4fa3d9',
  '--chart-series-1': '#f08a3c',
  '--chart-series-2': '#2fbf93',
  '--chart-series-3': '#dd93bd',
  '--chart-series-4': '#8ed0f5',
  '--chart-series-5': '#f0b429',
  '--chart-series-6': '#b4bac4',
}

const LIGHT: Readonly<Record<string, string>> = {
  ...Object.fromEntries(CHART_PROPERTIES),
  '--page': '#f6f7f9',
  '--ink': '#1f2430',
  '--soft': '#5b6370',
  '--card': '#ffffff',
  '--line': '#d9dde3',
  '--stripe': '#f4f5f7',
  '--link': '#005f99',
  '--bad': '#a3161b',
}

const DARK: Readonly<Record<string, string>> = {
  ...DARK_CHART,
  '--page': '#111419',
  '--ink': '#e8eaee',
  '--soft': '#a4acb9',
  '--card': '#191d24',
  '--line': '#343b47',
  '--stripe': '#1f242c',
  '--link': '#7cc0f0',
  '--bad': '#ff8f8f',
}

function declared(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}:${value}`)
    .join(';')
}

/** The style sheet of a page. Print is always light, with nothing cut off. */
export const STYLE = `
:root{color-scheme:light dark;${declared(LIGHT)}}
@media screen and (prefers-color-scheme:dark){:root{${declared(DARK)}}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px 20px 64px;max-width:1080px;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
h1{font-size:26px;line-height:1.25;margin:0 0 8px;overflow-wrap:anywhere}
h2{font-size:20px;margin:44px 0 12px;padding-top:14px;border-top:1px solid var(--line);overflow-wrap:anywhere}
h3{font-size:16px;margin:26px 0 6px;overflow-wrap:anywhere}
p{margin:0 0 10px;max-width:78ch;overflow-wrap:anywhere}
p.bad,tr.bad>*{color:var(--bad);font-weight:600}
a{color:var(--link)}
nav ul{margin:0 0 18px;padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 18px;margin:16px 0;padding:12px 16px;
background:var(--card);border:1px solid var(--line);border-radius:8px}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:10px 0 16px;border:1px solid var(--line);border-radius:8px;background:var(--card)}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:10px 12px 6px;font-weight:600}
th,td{padding:5px 12px;border-top:1px solid var(--line);text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left}
thead th{color:var(--soft);font-weight:600;border-top:0}
tbody th{font-weight:400;white-space:pre-wrap}
tbody tr:nth-child(even){background:var(--stripe)}
table.numbers td,table.numbers tbody th{white-space:pre}
table.words td,table.words th{text-align:left}
figure{margin:14px 0 18px}
figure>.wide{margin:0;padding:6px}
figure svg{display:block;max-width:100%;height:auto;margin:0 auto}
details{margin:6px 0 0}
summary{cursor:pointer;color:var(--link);font-size:14px}
pre{margin:8px 0;padding:12px 14px;overflow-x:auto;background:var(--card);border:1px solid var(--line);
border-radius:8px;font:12.5px/1.45 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
footer{margin-top:48px;color:var(--soft);font-size:13px}
@media screen and (max-width:600px){figure svg{min-width:560px}dl{grid-template-columns:1fr}dd{margin-bottom:6px}}
@media print{
:root{--page:#ffffff}
details:not([open]),section:not(:has(figure,p,details[open],h2~.wide)){display:none}
@page{margin:14mm}
body{max-width:none;padding:0;font-size:10.5pt}
nav{display:none}
h2,h3{break-after:avoid}
figure,tr,dl{break-inside:avoid}
.wide,pre{overflow:visible;border-color:#ccc}
table{font-size:8.5pt}
th,td,table.numbers td,table.numbers tbody th{padding:3px 6px;white-space:pre-wrap}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:8pt}
a{color:inherit;text-decoration:none}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}`
