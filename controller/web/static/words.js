// Quantities and states in words.
import { state } from "./store.js";

export const PAGE = 4096;
const SECOND = 1e9;

// The server's table of verdicts: {name: {word, sign, tone, rank}}.
export const verdicts = () => state.about?.verdicts ?? {};

export function verdict(name) {
  return verdicts()[name] ?? { word: name ? name : "Not judged", sign: "…", tone: "unknown", rank: -1 };
}

export const count = (n) => Math.round(n).toLocaleString("en-US");

export function bytes(n) {
  if (n >= 1 << 30) return `${trim(n / (1 << 30))} GiB`;
  if (n >= 1 << 20) return `${trim(n / (1 << 20))} MiB`;
  return `${trim(n / 1024)} KiB`;
}

const trim = (n) => (n >= 100 || Number.isInteger(n) ? Math.round(n).toString() : n.toFixed(1));

// A length of time: 87 ms, 1.2 s, 3 min 20 s.
export function span(ns) {
  const s = ns / SECOND;
  if (s < 0.0995) return `${(ns / 1e6).toFixed(s < 0.00995 ? 1 : 0)} ms`;
  if (s < 100) return `${s.toFixed(s < 10 ? 1 : 0)} s`;
  return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
}

// A moment of the run.
export const moment = (ns) => `${(ns / SECOND).toFixed(3)} s`;

export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

const STATES = {
  running: ["good", "working"],
  faulting: ["fair", "waits for a page"],
  reclaiming: ["fair", "looks for memory"],
  throttled: ["fair", "throttled"],
  stuck: ["bad", "stuck"],
  idle: ["unknown", "idle"],
  dead: ["bad", "killed"],
  serving: ["good", "serving"],
  stalled: ["bad", "stalled"],
  down: ["bad", "down"],
};

export function stateOf(state) {
  const [tone, word] = STATES[state] ?? ["unknown", state || "no sample"];
  return { tone, word };
}
