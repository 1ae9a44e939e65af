// A live testbed: what its nodes tell now is appended to a run that is still open.
import * as api from "./api.js";
import { clock, seek } from "./clock.js";
import { open } from "./actions.js";
import { Run } from "./run.js";
import { fail, set, state } from "./store.js";

const SETTLE_MS = 250; // moments and charts follow four times a second; the tank with every sample

export function watch() {
  let run = null, timer = 0;
  const settle = () => {
    timer = 0;
    if (!run || state.runs[0] !== run) return;
    const followed = clock.t >= clock.end - 2e9;
    run.settle();
    clock.end = run.end;
    clock.moments = run.moments[run.worst] ?? {};
    if (followed && !clock.playing) seek(run.end);
    set({});
  };
  const soon = () => (timer ||= setTimeout(settle, SETTLE_MS));
  return api.stream("live", (kind, told) => {
    if (kind === "samples") {
      run ??= begin();
      for (const [node, columns] of Object.entries(told)) {
        known(run, node);
        run.append(node, columns);
      }
      soon();
    } else if (kind === "event" && run) {
      run.events.push(told);
      run.hear(told);
      soon();
    } else if (kind === "run") {
      run = null; // another one began: its times count from another zero
    } else if (kind === "result" && state.live) {
      open([told.run]).catch(fail);
      run = null;
    }
  });
}

function begin() {
  const run = new Run({ id: "live", result: { tier: "live", policy: "", nodes: [] }, phases: [], nodes: [] }, {}, []);
  set({ runs: [run], live: true, node: "" });
  return run;
}

function known(run, name) {
  if (run.nodes.some((node) => node.name === name)) return;
  const role = name.startsWith("target") ? "target" : "initiator";
  run.nodes.push({ name, role });
  (role === "target" ? run.targets : run.machines).push(name);
}
