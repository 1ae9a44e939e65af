// One clock for everything on the page: t in ns of the run's own time. It is set, or it plays.
import { useEffect, useState } from "./vendor/preact.js";
import { paceAt } from "./pace.js";

export const SPEEDS = [4, 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001];

export const clock = {
  t: 0,
  end: 0, //         where playing stops
  playing: false,
  speed: "auto", //  seconds of the run to a second; auto: slow where something happens
  moments: {}, //    what `auto` goes by
  frames: [], //     when the last frames were drawn (ms), to measure the page by
};

const watchers = new Set();
let last = 0;
let due = false;

function tell() {
  due = false;
  for (const told of [...watchers]) told();
  clock.frames.push(performance.now());
  if (clock.frames.length > 600) clock.frames.splice(0, 300);
}

// At most once a frame, however often it is set.
function soon() {
  if (!due) {
    due = true;
    requestAnimationFrame(tell);
  }
}

export function seek(t) {
  clock.t = Math.max(0, Math.min(clock.end || t, t));
  soon();
}

export function play(on = !clock.playing) {
  if (on && clock.t >= clock.end) clock.t = 0;
  clock.playing = on;
  last = performance.now();
  if (on) requestAnimationFrame(step);
  soon();
}

export function speed(value) {
  clock.speed = value;
  soon();
}

function step(now) {
  if (!clock.playing) return;
  const passed = Math.min(now - last, 100); // a hidden tab does not jump
  last = now;
  const pace = clock.speed === "auto" ? paceAt(clock.t, clock.moments) : clock.speed;
  clock.t = Math.min(clock.end, clock.t + passed * 1e6 * pace);
  if (clock.t >= clock.end) clock.playing = false;
  soon();
  requestAnimationFrame(step);
}

// A component that calls this is drawn again whenever the clock has moved.
export function useClock() {
  const [, again] = useState(0);
  useEffect(() => {
    const told = () => again((n) => n + 1);
    watchers.add(told);
    return () => watchers.delete(told);
  }, []);
  return clock;
}
