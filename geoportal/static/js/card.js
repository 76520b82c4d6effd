// The card of an object: written by the server, put beside the map, closed by Escape.

export class Card {
  constructor(element, address) {
    this.element = element;
    this.body = element.querySelector("#fiche-corps");
    this.address = address;
    this.origin = null;
    this.onClose = () => {};
    element.querySelector("#fermer").addEventListener("click", () => this.close());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !element.hidden) this.close();
    });
  }

  /** Show the object; the focus goes to its name, and comes back to `origin` when the card is closed. */
  async open(layer, key, origin) {
    const query = new URLSearchParams({ carte: layer, objet: key });
    const response = await fetch(`${this.address}?${query}`);
    if (!response.ok) throw new Error(`fiche : réponse ${response.status}`);
    this.body.innerHTML = await response.text();
    this.element.hidden = false;
    this.origin = origin;
    this.body.querySelector("h2").focus({ preventScroll: true });
  }

  close() {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.onClose();
    this.origin?.focus();
  }
}
