// The map page. The list comes from the server; here it gets its map, and both follow the address.
import { Card } from "./card.js";

const $ = (selector) => document.querySelector(selector);
const settings = JSON.parse($("#reglages").textContent);
const narrow = matchMedia("(max-width: 900px)");
const shown = new Set(settings.affichees);
const card = new Card($("#fiche"), settings.fiche);
let chosen = settings.choix;
const arrivedWithView = location.hash.includes("/");
let toolkit = null;
let map = null;

function say(text) {
  $("#etat-carte").textContent = text;
  $("#etat-carte").hidden = !text;
}

// --- address ---

function writeAddress({ push = false } = {}) {
  const address = new URL(location.href);
  address.searchParams.delete("objet");
  address.searchParams.delete("de");
  if (chosen) {
    address.searchParams.set("carte", settings.courante);
    address.searchParams.set("objet", chosen.key);
    if (chosen.layer !== settings.courante) address.searchParams.set("de", chosen.layer);
  }
  if (push) history.pushState(null, "", address);
  else history.replaceState(history.state, "", address);
}

function writeShown() {
  const address = new URL(location.href);
  address.searchParams.set("avec", [...shown].sort().join(","));
  history.replaceState(history.state, "", address);
}

// A link or a form of this page leads to the same view of the map, with the same layers drawn.
function keepView(address) {
  const kept = new URL(address, location.href);
  const drawn = new URL(location.href).searchParams.get("avec");
  if (drawn !== null) kept.searchParams.set("avec", drawn);
  if (location.hash.includes("/")) kept.hash = location.hash;
  return kept;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-garde-vue]");
  if (link) link.href = keepView(link.href);
});
$("form[data-garde-vue]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const address = new URL(form.action);
  for (const [name, value] of new FormData(form)) if (value) address.searchParams.set(name, value);
  location.assign(keepView(address));
});
addEventListener("popstate", () => location.reload());

// --- objects ---

function markRow() {
  for (const row of document.querySelectorAll("#lieux li")) {
    const link = row.querySelector("a");
    const current = chosen?.layer === settings.courante && link.dataset.objet === chosen.key;
    row.toggleAttribute("aria-current", current);
    if (current) row.setAttribute("aria-current", "true");
  }
}

async function choose(layer, key, { origin, zoom }) {
  try {
    await card.open(layer, key, origin);
  } catch (error) {
    console.warn(error);
    say("La fiche ne répond pas. Réessayez dans un instant.");
    return;
  }
  chosen = { layer, key };
  markRow();
  writeAddress({ push: true });
  showChosen({ zoom });
}

function showChosen({ zoom }) {
  if (!map) return;
  if (!chosen) {
    toolkit.outline(map, null, "", null);
    return;
  }
  toolkit.outline(map, chosen.layer, settings.couches[chosen.layer].cle, chosen.key);
  const bounds = zoom && toolkit.boundsOfCard(card.element);
  if (bounds) toolkit.frame(map, bounds, framePadding());
}

// The card covers the left of the map, or its bottom on a small screen.
function framePadding() {
  if (narrow.matches) return { top: 60, bottom: Math.round(innerHeight * 0.45), left: 30, right: 70 };
  return { top: 60, bottom: 60, left: Math.min(430, innerWidth / 4), right: 90 };
}

card.onClose = () => {
  chosen = null;
  markRow();
  writeAddress();
  showChosen({ zoom: false });
};

$("#lieux")?.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-objet]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  await switchTo("carte");
  await choose(settings.courante, link.dataset.objet, { origin: link, zoom: true });
});

// --- map ---

async function startMap() {
  toolkit = await import("./basemap.js");
  map = await toolkit.createMap($("#carte"), {
    style: settings.style,
    bounds: settings.emprise,
    padding: 20,
    viewInAddress: true,
  });
  map.on("error", ({ error }) => {
    console.warn(error);
    incomplete = true;
    say("Une partie de la carte n’a pas pu être chargée. La liste, elle, est complète.");
  });
  await map.once("load");
  showChosen({ zoom: !arrivedWithView });
  map.on("click", pick);
  map.on("mousemove", (event) => {
    map.getCanvas().style.cursor = featureAt(event.point) ? "pointer" : "";
  });
  await toolkit.whenDrawn(map);
}

function applyShown() {
  for (const { id, metadata } of map.getStyle().layers) {
    if (metadata?.couche) map.setLayoutProperty(id, "visibility", shown.has(metadata.couche) ? "visible" : "none");
  }
}

// Names have a source of their own: the style says which layer a drawing belongs to.
function layerOf(feature) {
  return feature.layer.metadata.couche;
}

// Points before surfaces; among surfaces, the layer that is listed.
function featureAt({ x, y }) {
  const layers = map.getStyle().layers.filter(({ metadata }) => shown.has(metadata?.couche)).map(({ id }) => id);
  const found = map.queryRenderedFeatures([[x - 6, y - 6], [x + 6, y + 6]], { layers });
  const points = found.filter(({ layer }) => layer.type === "circle");
  if (points.length) return points[0];
  const under = map.queryRenderedFeatures([x, y], { layers });
  return under.find((feature) => layerOf(feature) === settings.courante) ?? under[0];
}

async function pick({ point }) {
  const feature = featureAt(point);
  if (!feature) return;
  const layer = layerOf(feature);
  await choose(layer, String(feature.properties[settings.couches[layer].cle]), { origin: map.getCanvas(), zoom: false });
}

for (const button of document.querySelectorAll("[data-outil]")) {
  button.addEventListener("click", () => {
    if (button.dataset.outil === "plus") map?.zoomIn();
    if (button.dataset.outil === "moins") map?.zoomOut();
    if (button.dataset.outil === "tout" && map) toolkit.frame(map, settings.emprise, 20);
  });
}
for (const button of document.querySelectorAll(".voir")) {
  button.addEventListener("click", () => {
    const { couche } = button.dataset;
    const visible = !shown.has(couche);
    if (visible) shown.add(couche);
    else shown.delete(couche);
    button.setAttribute("aria-pressed", String(visible));
    writeShown();
    if (map) applyShown();
  });
}

// --- list or map, on a small screen ---

let starting = null;
let incomplete = false;

function ready() {
  document.documentElement.dataset.pret = "1";
}

function ensureMap() {
  starting ??= (async () => {
    say("La carte se dessine…");
    try {
      await startMap();
      if (!incomplete) say("");
      document.documentElement.dataset.carte = "prete";
    } catch (error) {
      console.warn(error);
      say("La carte ne s’affiche pas sur cet appareil. La liste donne les mêmes réponses.");
      document.documentElement.dataset.carte = "panne";
    }
    ready();
  })();
  return starting;
}

async function switchTo(view) {
  document.body.dataset.vue = view;
  $("#bascule span").textContent = view === "carte" ? "Voir la liste" : "Voir la carte";
  if (view === "carte") await ensureMap();
}

$("#bascule").addEventListener("click", () => switchTo(document.body.dataset.vue === "carte" ? "liste" : "carte"));
narrow.addEventListener("change", () => narrow.matches || ensureMap());
if (narrow.matches && !chosen) ready();
else switchTo("carte");
