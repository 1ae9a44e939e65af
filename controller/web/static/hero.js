// The top of the page: one plain sentence, and two buttons.
import { html } from "./vendor/preact.js";
import { simulate } from "./actions.js";
import { hang, rescue } from "./controls.js";
import * as live from "./live.js";
import { remedyOf, sentenceOf } from "./moments.js";
import { state, useStore } from "./store.js";
import { moment, verdict } from "./words.js";

export function Hero() {
  const { runs, about, loading } = useStore(), [run] = runs, bed = about?.live;
  const remedy = run ? remedyOf(run, about) : "", look = run && verdict(run.result.verdict);
  return html`<section class=${`hero ${look?.tone ?? "unknown"}`}>
    <div class="lead">
      ${run ? html`<p class="verdict"><span class="sign" aria-hidden="true">${look.sign}</span>${look.word}</p>
        <h1>${sentenceOf(run)}${remedy && html` <code>${remedy}</code> would save it.`}</h1>`
      : html`<p class="verdict plain">Swap over the network, and junk</p>
        <h1>To free memory, this machine must hear from its disk. To hear, it needs memory. Send it junk, and watch.</h1>`}
    </div>
    <div class="buttons">
      <button class="big bad" disabled=${!!loading} onClick=${() => (bed ? onLive(hang) : simulate("classic", "none"))}>See it hang<small>${bed ? "flood it, no reserve policy" : "no reserve policy"}</small></button>
      <button class="big good" disabled=${!!loading} onClick=${() => (bed ? onLive(rescue) : simulate("classic", "memalloc"))}>See it saved<small>${bed ? "rescue it by memalloc" : "the same flood, memalloc"}</small></button>
    </div>
  </section>`;
}

// What is done to a testbed is seen where it is seen.
function onLive(act) {
  if (!state.live) live.show();
  return act();
}

export function Loading() {
  const { loading, progress } = useStore();
  if (!loading) return null;
  return html`<div class="loading" role="status"><span>${loading}${progress ? `: ${Math.round(progress * 100)} %` : " …"}</span>
    <progress max="1" value=${progress || undefined} aria-label=${loading}></progress></div>`;
}

// Beside each other: one head for each run.
export function Head({ run, i }) {
  const look = verdict(run.result.verdict), forked = run.fork;
  return html`<header class=${`run-head ${look.tone}`}><span class="sign" aria-hidden="true">${look.sign}</span><div><b>${look.word}</b>
    <span class="soft"> ${run.result.scenario}, ${run.result.policy || "no policy"}, ${run.result.tier}${forked && html`; <b class="ink">${forked.change}</b> from ${moment(forked.t_ns)} on`}</span>
    <p>${sentenceOf(run)}</p></div><i class=${i ? "stroke dashed" : "stroke"} aria-hidden="true"></i></header>`;
}
