/** For the upload page, behind what all pages have. Whatever is touched is 44 px high. */
export const uploadStyle = `h1 b{font-weight:inherit;overflow-wrap:anywhere}
.out{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
[hidden]{display:none!important}
.notice{margin:1rem 0;padding:.75rem 1rem;border-radius:.5rem;border:1px solid light-dark(#b98900,#8f6a00);background:light-dark(#fff8e1,#2c2410)}
.drop{margin:1.25rem 0 .75rem;padding:1.5rem 1rem;border:2px dashed var(--line);border-radius:.75rem;background:var(--soft);text-align:center}
[data-over] .drop{border-color:var(--link)}[data-ended] .drop{opacity:.5}
.choose{display:flex;flex-wrap:wrap;gap:.6rem;justify-content:center}
.choose label,main button{display:inline-flex;align-items:center;justify-content:center;min-height:44px;min-width:44px;padding:.4rem 1rem;border:1px solid var(--line);border-radius:.5rem;background:light-dark(#fff,#14171a);font-size:1rem;cursor:pointer}
.choose label{position:relative;min-width:10rem}
.choose label.first{background:var(--link);border-color:var(--link);color:light-dark(#fff,#10131a)}
.choose input{position:absolute;inset:0;width:100%;height:100%;max-width:none;opacity:0;cursor:pointer}
.choose label:focus-within{outline:2px solid var(--link);outline-offset:2px}
@media(hover:none){.hint{display:none}.choose label{flex:1 1 10rem}}
progress{width:100%;height:.4rem;accent-color:var(--link)}
#summary{margin:1.25rem 0 .5rem}#count{font-weight:600;margin:0}#amount{margin:0;min-height:1.55em}
.bulk{display:flex;flex-wrap:wrap;gap:.6rem}
#files{list-style:none;margin:0;padding:0}
#files li{display:flex;flex-wrap:wrap;gap:.5rem .75rem;align-items:center;padding:.6rem 0;border-top:1px solid var(--line)}
#files canvas{width:44px;height:44px;border-radius:.35rem;background:var(--soft);flex:none}
.what{flex:1 1 10rem;min-width:0}.name,.state{overflow-wrap:anywhere}.state{font-size:.9rem;color:var(--quiet)}
[data-phase=saved] .state::before,[data-phase=there] .state::before{content:"✓ ";color:light-dark(#116329,#7ee2a0)}
[data-phase=refused] .state,[data-phase=asking] .state{color:light-dark(#a40e26,#ff9ea1)}
.do{display:flex;flex-wrap:wrap;gap:.5rem}
details{margin-top:1.5rem}summary{min-height:44px;padding:.6rem 0;cursor:pointer}
#there-files{margin:0;padding-left:1.2rem;overflow-wrap:anywhere}`;
