// Small maps beside a text that already says everything.
import { boundsOfCard, createMap, outline, whenDrawn } from "./basemap.js";

async function boundsOfObject(address) {
  const response = await fetch(address);
  if (!response.ok) return null;
  return boundsOfCard(new DOMParser().parseFromString(await response.text(), "text/html"));
}

async function draw(frame) {
  const { style, couche, objet, cle, fiche, emprise } = frame.dataset;
  const bounds = (fiche && (await boundsOfObject(fiche))) || emprise.split(",").map(Number);
  const map = await createMap(frame.querySelector(".toile"), { style, bounds, padding: objet ? 40 : 10, insidePage: true });
  await map.once("load");
  if (objet) outline(map, couche, cle, objet);
  await whenDrawn(map);
}

function admit(frame, error) {
  console.warn(error);
  const notice = document.createElement("p");
  notice.className = "etat-carte sur-carte";
  notice.textContent = "La carte ne s’affiche pas sur cet appareil. La page donne les mêmes informations.";
  frame.append(notice);
}

const frames = [...document.querySelectorAll("[data-apercu]")];
await Promise.all(frames.map((frame) => draw(frame).catch((error) => admit(frame, error))));
document.documentElement.dataset.pret = "1";
