// What can be done to a live testbed; beside each control stands the value that was read back.
import { html, useState } from "./vendor/preact.js";
import * as api from "./api.js";
import { fail, set, state, useStore } from "./store.js";

async function control(name, body = {}) {
  set({ loading: `Asking for ${name}`, error: "" });
  try {
    const told = await api.post(`/api/controls/${name}`, body);
    set({ loading: "", readBack: { ...state.readBack, [name]: told } });
    return told;
  } catch (problem) {
    return fail(problem);
  }
}

// Without a reserve policy first, whatever is in force: what was rescued would not hang again.
export async function hang() {
  if (await control("policy", { policy: "none" })) await control("flood", { action: "start" });
}
export const rescue = () => control("rescue", { policy: "memalloc" });

const TEXTS = {
  flood: "Flood",
  policy: "Policy",
  shape: "Link",
  pull: "Cable",
  stall: "Target",
  rescue: "Rescue",
  run: "Run",
};

export function Controls() {
  const { about, readBack = {} } = useStore();
  const can = about?.can ?? [];
  if (!about?.live || !can.length) return null;
  return html`<section class="card controls"><h2>The testbed</h2><div class="grid">
    ${can.includes("flood") && html`<${Control} name="flood" back=${readBack.flood}><${Act} name="flood" body=${{ action: "start" }}>start<//><${Act} name="flood" body=${{ action: "stop" }}>stop<//><//>`}
    ${can.includes("policy") && html`<${Choice} name="policy" field="policy" options=${about.policies ?? []} back=${readBack.policy} />`}
    ${can.includes("shape") && html`<${Field} name="shape" field="delay" start="10 ms" back=${readBack.shape} />`}
    ${can.includes("pull") && html`<${Control} name="pull" back=${readBack.pull}><${Act} name="pull" body=${{ action: "begin" }}>pull<//><${Act} name="pull" body=${{ action: "end" }}>plug in<//><//>`}
    ${can.includes("stall") && html`<${Control} name="stall" back=${readBack.stall}><${Act} name="stall" body=${{ action: "begin" }}>stall<//><${Act} name="stall" body=${{ action: "end" }}>go on<//><//>`}
    ${can.includes("rescue") && html`<${Choice} name="rescue" field="policy" options=${["memalloc", "mainline"]} back=${readBack.rescue} />`}
    ${can.includes("run") && html`<${Choice} name="run" field="scenario" options=${(about.gallery ?? []).map((each) => each.name)} back=${readBack.run} />`}
  </div></section>`;
}

function Control({ name, back, children }) {
  return html`<div class="control"><b>${TEXTS[name] ?? name}</b><span class="acts">${children}</span><output>${inWords(back)}</output></div>`;
}

// "read back: policy memalloc, delay 10 ms"; of nodes that differ each by its name.
function inWords(back) {
  if (!back) return "";
  const told = Object.entries(back.read_back ?? {}).map(([name, value]) => `${name} ${value && typeof value === "object"
    ? Object.entries(value).map(([node, own]) => `${own} at ${node}`).join(", ") : value}`);
  return `read back: ${told.join("; ") || "in force"}`;
}

const Act = ({ name, body, children }) => html`<button onClick=${() => control(name, body)}>${children}</button>`;

function Choice({ name, field, options, back }) {
  const [value, setValue] = useState(options[0] ?? "");
  return html`<${Control} name=${name} back=${back}><select aria-label=${TEXTS[name]} value=${value} onChange=${(event) => setValue(event.target.value)}>
    ${options.map((each) => html`<option value=${each}>${each}</option>`)}</select><${Act} name=${name} body=${{ [field]: value }}>go<//><//>`;
}

function Field({ name, field, start, back }) {
  const [value, setValue] = useState(start);
  return html`<${Control} name=${name} back=${back}><label>${field} <input size="7" value=${value} onInput=${(event) => setValue(event.target.value)} /></label>
    <${Act} name=${name} body=${{ [field]: value }}>set<//><//>`;
}
