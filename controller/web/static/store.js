// What the page shows, in one place: plain fields, changed by `set`, watched by components.
import { useEffect, useState } from "./vendor/preact.js";

export const state = {
  about: null, //     GET /api/about, or null until it came
  server: "asking", // asking | here | lost
  view: "watch", //   watch | runs
  runs: [], //        the runs that are laid beside each other, the first leads
  node: "", //        whose tank is drawn
  loading: "", //     what is being fetched or simulated, in words
  progress: 0, //     0..1 of it
  error: "", //       the last thing that went wrong, in words
  zoom: null, //      {from, to} in ns: the part that the scrubber covers; null: all of it
  help: false,
  live: false, //     what is shown is what a testbed does now
};

const watchers = new Set();

export function set(patch) {
  Object.assign(state, patch);
  for (const told of [...watchers]) told();
}

// A component that calls this is drawn again whenever something was set.
export function useStore() {
  const [, again] = useState(0);
  useEffect(() => {
    const told = () => again((n) => n + 1);
    watchers.add(told);
    return () => watchers.delete(told);
  }, []);
  return state;
}

export function fail(problem) {
  set({ error: problem instanceof Error ? problem.message : String(problem), loading: "" });
}
