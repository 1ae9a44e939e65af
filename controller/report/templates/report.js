// Draws each timeline as wide as the page lets it be, and again when that changes.
const AXES = 138; // what the labels left and right of a panel take
async function draw(figure, spec) {
  const width = Math.max(320, figure.clientWidth - AXES);
  if (figure.drawnAt === width) return;
  figure.drawnAt = width;
  spec.vconcat.forEach((panel) => { panel.width = width; });
  figure.view?.finalize();
  const place = document.createElement("div");
  const made = await vegaEmbed(place, structuredClone(spec), { actions: false, renderer: "svg", ast: true, mode: "vega-lite" });
  figure.view = made;
  figure.querySelector(":scope > div")?.remove();
  figure.append(place);
}
for (const figure of document.querySelectorAll("figure.timeline")) {
  const spec = JSON.parse(figure.querySelector("script").textContent);
  draw(figure, spec);
  let waiting;
  new ResizeObserver(() => { clearTimeout(waiting); waiting = setTimeout(draw, 150, figure, spec); }).observe(figure);
}
