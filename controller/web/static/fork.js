// "What if from here": a simulated run goes on otherwise from the clock's moment, and both are laid over each other.
import { html, useState } from "./vendor/preact.js";
import { fork, open } from "./actions.js";
import { useClock } from "./clock.js";
import { state, useStore } from "./store.js";
import { moment } from "./words.js";

export function Fork({ run }) {
  const { about, loading, runs } = useStore(), { t } = useClock();
  const [policy, setPolicy] = useState("memalloc"), [least, setLeast] = useState("16 MiB");
  if (run.result.tier !== "sim") return null;
  const policies = (about?.policies ?? []).filter((name) => name !== run.result.policy);
  const go = (change, words) => () => fork(change, words);
  return html`<section class="card fork"><h2>What if, from ${moment(t)} on …</h2>
    <div class="choices">
      <span><label>another policy <select value=${policy} onChange=${(event) => setPolicy(event.target.value)}>
        ${(policies.length ? policies : ["memalloc"]).map((name) => html`<option value=${name}>${name}</option>`)}</select></label>
        <button disabled=${!!loading} onClick=${go({ policy }, `the policy were ${policy}`)}>try</button></span>
      <span><label>more reserve <input value=${least} size="7" onInput=${(event) => setLeast(event.target.value)} /></label>
        <button disabled=${!!loading} onClick=${go({ min_free: least }, `min were ${least}`)}>try</button></span>
      <span>the flood stopped <button disabled=${!!loading} onClick=${go({ flood: "stop" }, "the flood stopped")}>try</button></span>
      ${runs.length > 1 && html`<button class="quiet" onClick=${() => open([state.runs[0].id], { t })}>only the first again</button>`}
    </div></section>`;
}
