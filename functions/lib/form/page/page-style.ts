import { createHash } from 'node:crypto';

/** The style of every page of a form, inline: the Content-Security-Policy allows it by its hash, and nothing else. */
export const style = `
:root{color-scheme:light dark;--page:#f3f5f8;--paper:#fff;--field:#fff;--text:#1a2230;--quiet:#525d6e;--line:#6b7688;--accent:#1d5fd1;--hover:#174ca8;--wrong:#b3201d}
@media(prefers-color-scheme:dark){:root{--page:#12151a;--paper:#1b2028;--field:#12151a;--text:#e6e9ee;--quiet:#a9b2c0;--line:#7d889a;--accent:#8ab4f8;--hover:#b3cffb;--wrong:#ff8f88}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:1.0625rem/1.5 system-ui,sans-serif}
main{max-width:40rem;margin:0 auto;padding:2rem 1.25rem 3rem;background:var(--paper);min-height:100vh}
@media(min-width:44rem){main{margin:2.5rem auto;min-height:0;padding:2.5rem 3rem 3rem;border-radius:.75rem;box-shadow:0 1px 3px #1a223026}}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 1rem}
h2{font-size:1.0625rem;margin:0}
.field{margin:0 0 1.5rem}
.wrong{border-left:.25rem solid var(--wrong);padding-left:.9rem}
label{display:block;font-weight:600;margin-bottom:.3rem}
input,textarea,select{width:100%;font:inherit;color:inherit;padding:.65rem .75rem;border:1px solid var(--line);border-radius:.4rem;background:var(--field);min-height:2.9rem}
input:focus,textarea:focus,select:focus,button:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:1px}
[aria-invalid]{border:2px solid var(--wrong)}
.hint{color:var(--quiet);font-weight:400;font-size:.95rem;margin:0 0 .4rem}
form>.hint{margin-bottom:1.5rem}
.mark,.error{color:var(--wrong)}
.error{font-weight:600;margin:0 0 .4rem}
.summary{border:2px solid var(--wrong);border-radius:.4rem;padding:1rem 1.1rem;margin:0 0 1.5rem}
.summary ul{margin:.5rem 0 0;padding-left:1.2rem}
a{color:var(--accent)}
.summary a{color:var(--wrong)}
button{font:inherit;font-weight:600;color:var(--paper);background:var(--accent);border:0;border-radius:.4rem;padding:.8rem 2rem;min-height:2.9rem;cursor:pointer}
button:hover{background:var(--hover)}
code{overflow-wrap:anywhere}
.away{position:absolute;left:-100vw;width:1px;height:1px;overflow:hidden}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media(max-width:30rem){button{width:100%}}
`;

const styleHash = createHash('sha256').update(style).digest('base64');

export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; base-uri 'none'`,
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
};
