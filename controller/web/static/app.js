// The page: what is on it, and how it begins.
import { html, render, useEffect } from "./vendor/preact.js";
import { follow, open } from "./actions.js";
import * as api from "./api.js";
import { Charts } from "./charts.js";
import { clock } from "./clock.js";
import { Controls } from "./controls.js";
import { Fork } from "./fork.js";
import { Head, Hero, Loading } from "./hero.js";
import { History } from "./history.js";
import { KEYS, listen } from "./keys.js";
import * as link from "./link.js";
import * as live from "./live.js";
import { Log } from "./log.js";
import { Scrubber } from "./scrubber.js";
import { Stage } from "./stage.js";
import { set, state, useStore } from "./store.js";

const RETRY_MS = 2000;

function Page() {
  const { view, runs, error, server, help } = useStore();
  return html`<${Top} view=${view} server=${server} />
    ${server === "lost" && html`<p class="banner bad" role="alert">The server does not answer. The page tries again by itself; what is shown stays.</p>`}
    ${error && html`<p class="banner bad" role="alert">${error} <button class="quiet" onClick=${() => set({ error: "" })}>close</button></p>`}
    <main id="main">${view === "runs" ? html`<${History} />` : html`<${Watch} runs=${runs} />`}</main>
    ${view === "watch" && runs.length > 0 && html`<${Scrubber} run=${runs[0]} />`}
    ${help && html`<${Help} />`}`;
}

function Top({ view, server }) {
  const { about, live: shown } = state;
  return html`<header class="top"><a class="skip" href="#main" onClick=${skip}>To the picture</a><a class="name" href="#" onClick=${home}>netreserve</a>
    <nav aria-label="Views">${about?.live && html`<a href="#live" onClick=${toLive} aria-current=${view === "watch" && shown ? "page" : undefined}>Live</a>`}
      ${!shown && html`<a href="#" onClick=${home} aria-current=${view === "watch" ? "page" : undefined}>Watch</a>`}
      <a href="#runs" aria-current=${view === "runs" ? "page" : undefined}>Runs</a></nav>
    <span class=${`server ${server}`}><i></i>${{ here: state.about?.live ? "live testbed" : "simulator", lost: "server lost", asking: "…" }[server]}</span>
    <button class="quiet" onClick=${() => set({ help: !state.help })} aria-label="Keys">?</button></header>`;
}

function home(event) {
  event.preventDefault();
  set({ view: "watch" });
  history.pushState(null, "", link.write());
}

function toLive(event) {
  event.preventDefault();
  live.show();
  if (location.hash !== "#live") history.pushState(null, "", "#live");
}

function skip(event) {
  event.preventDefault();
  document.querySelector("main").focus();
}

function Watch({ runs }) {
  const [first] = runs;
  return html`<${Hero} /><${Loading} />${first?.about.problem && html`<p class="banner fair">${first.about.problem}</p>`}
    ${first ? html`${runs.length > 1
      ? html`<div class="pair">${runs.map((run, i) => html`<article key=${run.id}><${Head} run=${run} i=${i} /><${Stage} run=${run} side /></article>`)}</div>`
      : html`<${Stage} run=${first} />`}
      <${Controls} /><${Fork} run=${first} /><${Charts} runs=${runs} /><${Log} run=${first} />` : html`<${Controls} /><${Rest} />`}`;
}

// Before anything was run: what there is to see.
function Rest() {
  return html`<section class="card rest"><h2>What you will see</h2><ol>
    <li><b>A machine as a tank.</b> Its application's pages, junk in sockets, pages on their way to the disk, and what is free.</li>
    <li><b>A flood of junk.</b> Packets that nobody reads take page after page.</li>
    <li><b>A circle of waiting</b>, or none. Drag the time at the bottom, or let it play: it slows down where it matters.</li></ol></section>`;
}

function Help() {
  return html`<div class="help card" role="dialog" aria-label="Keys"><h2>Keys</h2><dl>${KEYS.map(([key, says]) => html`<div><dt><kbd>${key}</kbd></dt><dd>${says}</dd></div>`)}</dl>
    <button onClick=${() => set({ help: false })}>close</button></div>`;
}

function Root() {
  useEffect(() => {
    const kept = setInterval(() => state.view === "watch" && !clock.playing && !state.loading && link.keep(), 400);
    return () => clearInterval(kept);
  }, []);
  return html`<${Page} />`;
}

async function begin() {
  try {
    set({ about: await api.get("/api/about"), server: "here" });
  } catch {
    setTimeout(begin, RETRY_MS);
    return;
  }
  const told = link.read();
  if (state.about.live) live.watch();
  if (told.live || told.runs.length || told.view === "runs") await follow();
  else if (state.about.live) live.show();
  else {
    const { runs } = await api.get("/api/runs?limit=1");
    if (runs.length) await open([runs[0].id]);
  }
}

// A server that was lost is asked again until it is there.
setInterval(() => state.server === "lost" && api.get("/health").catch(() => {}), RETRY_MS);
addEventListener("hashchange", () => state.about && follow());
listen();
render(html`<${Root} />`, document.getElementById("page"));
begin().catch((problem) => set({ error: problem.message, loading: "" }));
globalThis.netreserve = { clock, state }; // for tests, and for who looks behind it
