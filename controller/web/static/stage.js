// The testbed as a picture at the clock's moment: who sends junk, the machine, the storage target, and the links between.
import { html } from "./vendor/preact.js";
import { useClock } from "./clock.js";
import { Circle } from "./cycle.js";
import { narrate } from "./moments.js";
import { Link, Outcomes } from "./packets.js";
import { set, state, useStore } from "./store.js";
import { SmallTank, Tank } from "./tank.js";
import { count, span, stateOf, verdict } from "./words.js";

export function Stage({ run, side = false }) {
  const { node: wanted } = useStore(), { t } = useClock();
  const node = run.machines.includes(wanted) ? wanted : run.worst;
  const now = run.at(node, t);
  if (!now) return html`<p class="empty">No sample of ${node || "any machine"} yet.</p>`;
  const flood = run.flood(t), rates = run.packets(node, t);
  const about = run.nodes.find((each) => each.name === node);
  const machine = html`<${Machine} run=${run} node=${node} now=${now} rates=${rates} machine=${about?.machine} t=${t} />`;
  const circle = html`<section class="card waits" aria-label="Who waits for whom"><${Circle} run=${run} node=${node} t=${t} rates=${rates} /></section>`;
  return html`<div class=${side ? "stage beside" : "stage"}>
    <${Machines} run=${run} chosen=${node} t=${t} />
    <div class="bed">
      <${Source} flood=${flood} run=${run} />
      <${Link} kind="junk" rate=${flood.rate} back=${0} t=${t} label="junk" lost=${rates.lost > 0} />
      ${machine}
      <${Link} kind="storage" rate=${rates.out} back=${rates.lost > 0 && !rates.touched ? 0 : rates.storage} t=${t} label="pages out, answers in" lost=${rates.storageLost > 0} />
      <${Target} run=${run} node=${node} t=${t} about=${about} />
    </div>
    ${circle}
  </div>`;
}

function Machine({ run, node, now, rates, machine, t }) {
  const look = stateOf(now.state);
  const old = now.age > 2e9 || now.state === "stuck" || now.state === "dead" ? "bad" : now.age > 5e8 ? "fair" : "good";
  return html`<section class="card machine" aria-label=${`Machine ${node}`}>
    <header><h2>${node}</h2><span class=${`chip ${look.tone}`}>${look.word}</span>
      ${now.policy && html`<span class="chip plain">policy <b>${now.policy}</b></span>`}
      <span class=${`lamp ${old}`}><i></i>${now.age < 5e8 && now.state !== "stuck" ? "getting on" : `no progress for ${span(now.age)}`}</span></header>
    <${Tank} run=${run} node=${node} now=${now} machine=${machine} />
    <${Outcomes} rates=${rates} now=${now} />
    <p class="says">${narrate(run, node, t)}</p>
  </section>`;
}

function Source({ flood, run }) {
  const on = flood.rate > 0 || flood.kind;
  return html`<section class=${on ? "card peer source on" : "card peer source"} aria-label="Where junk comes from">
    <svg viewBox="0 0 64 52" aria-hidden="true"><path class="body" d="M8 44c0-18 6-30 24-30s24 12 24 30z" />
      <path class="wing" d="M32 14c-3-6-9-10-16-9M32 14c3-6 9-10 16-9" /><circle cx="24" cy="27" r="3" /><circle cx="40" cy="27" r="3" /></svg>
    <h2>${run.result.tier === "sim" ? "Strangers" : "Locust"}</h2>
    <p class=${on ? "chip bad" : "chip unknown"}>${on ? "flooding" : "quiet"}</p>
    <p class="figure">${flood.rate ? `${count(flood.rate)}/s` : on ? flood.kind : "no junk"}</p>
  </section>`;
}

function Target({ run, node, t, about }) {
  const name = about?.target || run.targets[0] || "", now = name ? run.at(name, t) : null;
  const look = stateOf(now?.state || "serving"), rates = name ? run.index(name, t) : -1;
  const column = run.columns[name], i = rates;
  const served = i > 4 ? (column.requests_served[i] - column.requests_served[i - 4]) / ((column.t_ns[i] - column.t_ns[i - 4]) / 1e9) : 0;
  return html`<section class="card peer target" aria-label="Storage target">
    <svg viewBox="0 0 64 52" aria-hidden="true"><path class="body" d="M10 12v28c0 5 10 8 22 8s22-3 22-8V12" /><ellipse class="top" cx="32" cy="12" rx="22" ry="8" />
      <path class="wing" d="M10 26c0 5 10 8 22 8s22-3 22-8" /></svg>
    <h2>${name || "local disk"}</h2>
    <p class=${`chip ${look.tone}`}>${look.word}</p>
    <p class="figure">${served > 0.5 ? `${count(served)} pages/s` : "nobody asks"}</p>
  </section>`;
}

// All machines of a run, small; nothing where there is one.
function Machines({ run, chosen, t }) {
  if (run.machines.length < 2) return null;
  const judged = Object.fromEntries((run.result.nodes ?? []).map((each) => [each.node, each.verdict]));
  return html`<div class="machines" role="group" aria-label="Machines">${run.machines.map((name) => {
    const now = run.at(name, t), look = stateOf(now?.state);
    return html`<button key=${name} aria-pressed=${name === chosen} onClick=${() => set({ node: name })} title=${verdict(judged[name]).word}>
      <${SmallTank} now=${now} /><span>${name.replace(/^initiator-/, "")}</span><span class=${`dot ${look.tone}`}></span><span class="sr">${look.word}</span></button>`;
  })}</div>`;
}

export const chosenNode = (run) => (run.machines.includes(state.node) ? state.node : run.worst);
