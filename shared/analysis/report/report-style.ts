/** Style of the HTML report: light and dark by the reader's preference, readable on a phone and on paper. */
export const reportStyle = `
:root{color-scheme:light dark;--page:#fff;--text:#1b1f24;--soft:#59636e;--line:#d8dee4;--curve:#0b62c4;--band:#0b62c433;--bad:#c1121f;--warn:#9a5b00;--good:#17703a}
@media (prefers-color-scheme:dark){:root{--page:#14171b;--text:#e6e9ec;--soft:#9aa4ae;--line:#333a42;--curve:#6cb0ff;--band:#6cb0ff33;--bad:#ff7b72;--warn:#e3a84b;--good:#63c98a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif}
main{max-width:860px;margin:0 auto;padding:24px 16px}
h1{margin:0;font-size:26px;overflow-wrap:anywhere}h2{margin:28px 0 8px;font-size:18px}
.id,small,figcaption span,footer,.note{color:var(--soft)}.id{margin:0}
.verdict span{margin-left:10px}
.critical{color:var(--bad)}.warning{color:var(--warn)}.healthy{color:var(--good)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top;font-weight:400;overflow-wrap:anywhere}
thead th{color:var(--soft)}tbody th{white-space:nowrap}
li small{display:block}ul,ol{padding-left:20px}
figure{margin:12px 0}figcaption{font-weight:600}svg{width:100%;height:auto}
svg text{fill:var(--soft);font-size:12px}
.grid{stroke:var(--line);fill:none}.line{stroke:var(--curve);stroke-width:2;fill:none}.band{fill:var(--band)}.bad{stroke:var(--bad);stroke-width:2}
footer{margin-top:32px;border-top:1px solid var(--line);padding-top:8px}
`;
