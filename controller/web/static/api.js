// The only place that talks to the server.
import { set, state } from "./store.js";

let token = null;

async function answer(response) {
  const type = response.headers.get("content-type") ?? "";
  const body = type.includes("json") ? await response.json() : await response.text();
  if (response.ok) return body;
  const error = new Error(body?.error ?? `the server answered ${response.status} to ${new URL(response.url).pathname}`);
  error.status = response.status;
  throw error;
}

async function reach(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    set({ server: "lost" });
    throw new Error("The server does not answer. The page tries again by itself; is `netreserve ui` still running?");
  }
  if (state.server !== "here") set({ server: "here" });
  return answer(response);
}

export const get = (path) => reach(path);

async function change(method, path, body) {
  const held = token !== null;
  token ??= (await reach("/api/token")).token;
  const headers = { "X-Netreserve-Token": token };
  if (body !== undefined && !(body instanceof Blob)) headers["Content-Type"] = "application/json";
  const sent = body instanceof Blob || body === undefined ? body : JSON.stringify(body);
  try {
    return await reach(path, { method, headers, body: sent });
  } catch (problem) {
    if (problem.status !== 403) throw problem;
    token = null;
    if (held) return change(method, path, body); // a server that began anew has another one: nothing was done, so once more
    throw problem;
  }
}

export const post = (path, body) => change("POST", path, body);
export const remove = (path) => change("DELETE", path);

export const run = (id) => `/api/runs/${encodeURIComponent(id)}`;

// Server-sent events of a run, or of what goes on `live`. Answers a function that ends it. The browser connects again by
// itself, and asks for what it has missed.
export function stream(id, heard) {
  const source = new EventSource(`/api/stream?run=${encodeURIComponent(id)}`);
  for (const kind of ["samples", "event", "run", "progress", "result", "failed"]) {
    source.addEventListener(kind, (message) => heard(kind, JSON.parse(message.data)));
  }
  source.onopen = () => set({ server: "here" });
  source.onerror = () => set({ server: "lost" });
  return () => source.close();
}
