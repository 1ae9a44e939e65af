// All runs: searched, filtered, opened, two beside each other, exported, imported, deleted.
import { html, useEffect, useState } from "./vendor/preact.js";
import { open } from "./actions.js";
import * as api from "./api.js";
import { fail, set, useStore } from "./store.js";
import { Thumb } from "./thumb.js";
import { verdict, verdicts } from "./words.js";

const LIMIT = 60;

export function History() {
  const { server } = useStore();
  const [asked, setAsked] = useState({ q: "", verdict: "", tier: "" }), [told, setTold] = useState(null);
  const [limit, setLimit] = useState(LIMIT), [picked, setPicked] = useState([]);
  const load = () => list({ ...asked, limit }).then(setTold, fail);
  useEffect(() => {
    const soon = setTimeout(load, 120);
    return () => clearTimeout(soon);
  }, [asked, limit, server]); // and again when a server that was lost is back
  const change = (name) => (event) => setAsked({ ...asked, [name]: event.target.value });
  const toggle = (id) => setPicked(picked.includes(id) ? picked.filter((each) => each !== id) : [...picked.slice(-1), id]);
  return html`<section class="history"><h1>Runs</h1>
    <div class="filters" role="search">
      <label><span class="sr">Search</span><input type="search" placeholder="search scenario, policy, sentence" value=${asked.q} onInput=${change("q")} /></label>
      <label><span class="sr">Verdict</span><select value=${asked.verdict} onChange=${change("verdict")}><option value="">every verdict</option>
        ${Object.entries(verdicts()).map(([name, look]) => html`<option value=${name}>${look.word}</option>`)}</select></label>
      <label><span class="sr">Tier</span><select value=${asked.tier} onChange=${change("tier")}><option value="">every tier</option>
        ${["sim", "container", "kernel"].map((name) => html`<option value=${name}>${name}</option>`)}</select></label>
      <button disabled=${picked.length !== 2} onClick=${() => open(picked)}>Show two beside each other${picked.length ? ` (${picked.length} chosen)` : ""}</button>
      <label class="file button">Import<input type="file" onChange=${(event) => bring(event, load)} /></label>
    </div>
    ${told && html`<p class="soft" role="status">${told.total === 0 ? "No run is like this." : `${told.total} runs`}</p>`}
    <ul class="runs">${(told?.runs ?? []).map((row) => html`<${Row} key=${row.id} row=${row} picked=${picked.includes(row.id)} toggle=${toggle} again=${load} />`)}</ul>
    ${told && told.runs.length < told.total && html`<button onClick=${() => setLimit(limit + LIMIT)}>More</button>`}
  </section>`;
}

const list = (asked) => api.get(`/api/runs?${new URLSearchParams(Object.entries(asked).filter(([, value]) => value !== ""))}`);

function Row({ row, picked, toggle, again }) {
  const look = verdict(row.verdict), when = row.started ? new Date(row.started) : null;
  return html`<li class=${`card run ${look.tone}`}>
    <button class="open" onClick=${() => open([row.id])}>
      <${Thumb} row=${row} />
      <span class="what"><b class="word">${look.sign} ${look.word}</b> <b>${row.scenario}</b> <span class="chip plain">${row.policy || "no policy"}</span> <span class="chip plain">${row.tier}</span>
        <span class="sentence">${row.sentence}</span>
        <span class="soft">${when ? when.toLocaleString() : ""}</span></span></button>
    <span class="acts"><label><input type="checkbox" checked=${picked} onChange=${() => toggle(row.id)} /> compare</label>
      <a href=${`${api.run(row.id)}/report`} target="_blank" rel="noopener">report</a>
      <a href=${`${api.run(row.id)}/export`} download>export</a>
      <button class="quiet" onClick=${() => erase(row, again)}>delete</button></span></li>`;
}

async function erase(row, again) {
  if (!confirm(`Delete the run ${row.id} of ${row.scenario}, with its samples, report and logs? It cannot be brought back.`)) return;
  try {
    await api.remove(api.run(row.id));
    await again();
  } catch (problem) {
    fail(problem);
  }
}

async function bring(event, again) {
  const [file] = event.target.files;
  if (!file) return;
  set({ loading: `Importing ${file.name}`, error: "" });
  try {
    await api.post("/api/import", file);
    set({ loading: "" });
    await again();
  } catch (problem) {
    fail(problem);
  }
}
