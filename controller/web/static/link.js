// The address is the link: #run=ID,ID&t=NS&node=NAME, #live for what a testbed does now, or #runs for the history.
import { clock } from "./clock.js";
import { state } from "./store.js";

export function read(hash = location.hash) {
  if (hash.startsWith("#runs")) return { view: "runs", runs: [], t: null, node: "" };
  const told = new URLSearchParams(hash.slice(1));
  const t = Number(told.get("t")), runs = (told.get("run") ?? "").split(",").filter(Boolean);
  return {
    view: "watch",
    live: told.has("live") || runs.includes("live"), // a testbed that records nothing has this for a run
    runs,
    t: told.has("t") && Number.isFinite(t) ? t : null,
    node: told.get("node") ?? "",
  };
}

export function write() {
  if (state.view === "runs") return "#runs";
  if (state.live) return "#live";
  if (!state.runs.length) return "#";
  const ids = state.runs.map((run) => encodeURIComponent(run.id)).join(",");
  return `#run=${ids}&t=${Math.round(clock.t)}&node=${encodeURIComponent(state.node)}`;
}

// Puts what is shown into the address, without a new step in the browser's history. While nothing is shown yet, the address
// is what is asked for.
export function keep() {
  const hash = write();
  if (hash !== "#" && hash !== location.hash) history.replaceState(null, "", hash);
}
