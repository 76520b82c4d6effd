// A MapLibre map with the habits of the portal: French, the site's own letters, a scale, no call to another host.
import * as ml from "../vendor/maplibre-gl.mjs";

const FRENCH = {
  "CooperativeGesturesHandler.WindowsHelpText": "Ctrl + molette pour changer d’échelle",
  "CooperativeGesturesHandler.MacHelpText": "⌘ + molette pour changer d’échelle",
  "CooperativeGesturesHandler.MobileHelpText": "Deux doigts pour déplacer la carte",
};
const CALM = matchMedia("(prefers-reduced-motion: reduce)");

// Addresses in the style have no host; the worker of MapLibre wants them whole.
async function readStyle(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`style : réponse ${response.status}`);
  const style = await response.json();
  for (const source of Object.values(style.sources)) {
    if (source.tiles) source.tiles = source.tiles.map((template) => location.origin + template);
    if (source.data) source.data = location.origin + source.data;
  }
  return style;
}

/** Draw a map in `canvas`. `style` is an address, `bounds` is [west, south, east, north] in degrees. */
export async function createMap(canvas, { style, bounds, padding = 24, insidePage = false, viewInAddress = false }) {
  const faces = ["500 16px 'Carte Medium'", "700 16px 'Carte Bold'"].map((face) => document.fonts.load(face));
  const [content] = await Promise.all([readStyle(style), ...faces]);
  const map = new ml.Map({
    container: canvas,
    style: content,
    bounds,
    fitBoundsOptions: { padding, maxZoom: 14 },
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    cooperativeGestures: insidePage,
    hash: viewInAddress,
    locale: FRENCH,
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new ml.ScaleControl({ unit: "metric", maxWidth: 120 }), "bottom-left");
  map.getCanvas().setAttribute("aria-label", canvas.dataset.titre);
  return map;
}

/** Wait until everything asked for is drawn, even when nothing is left to draw. */
export function whenDrawn(map) {
  map.triggerRepaint();
  return map.once("idle");
}

export function frame(map, bounds, padding = 60) {
  map.fitBounds(bounds, { padding, maxZoom: 13, animate: !CALM.matches, duration: 600 });
}

/** Outline the chosen object of a layer; a null `key` outlines none. */
export function outline(map, layer, field, key) {
  for (const { id, metadata } of map.getStyle().layers) {
    if (!metadata?.choix) continue;
    const chosen = metadata.choix === layer && key !== null;
    if (chosen) map.setFilter(id, ["==", ["get", field], key]);
    map.setLayoutProperty(id, "visibility", chosen ? "visible" : "none");
  }
}

/** Box of an object, read from its card; null when it has no geometry or no longer exists. */
export function boundsOfCard(card) {
  const text = card.querySelector("[data-emprise]")?.dataset.emprise;
  return text ? text.split(",").map(Number) : null;
}
