// The page of a job that is not over: a button cancels it. Without JavaScript the page says how to do it otherwise.
const button = document.querySelector("[data-annuler]");
const notice = document.querySelector("#etat-annulation");

async function isOver(address) {
  const response = await fetch(`${address}?f=json`);
  return !response.ok || !["accepted", "running"].includes((await response.json()).status);
}

async function cancel() {
  const address = button.dataset.annuler;
  // A DELETE on a job that ended meanwhile would throw its result away.
  if (!(await isOver(address))) {
    const response = await fetch(address, { method: "DELETE" });
    if (!response.ok) throw new Error(String(response.status));
  }
  location.reload();
}

button.addEventListener("click", () => {
  button.disabled = true;
  cancel().catch((error) => {
    console.warn(error);
    button.disabled = false;
    notice.textContent = "Le travail n’a pas pu être annulé : réessayez dans un instant.";
  });
});
button.parentElement.hidden = false;
document.documentElement.dataset.pret = "1";
