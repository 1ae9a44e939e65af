// Draws each diagram as it is; the page scrolls sideways where it is too narrow.
for (const figure of document.querySelectorAll("figure.phase")) {
  const spec = JSON.parse(figure.querySelector("script").textContent);
  const place = document.createElement("div");
  figure.append(place);
  vegaEmbed(place, spec, { actions: false, renderer: "svg", ast: true, mode: "vega-lite" });
}
