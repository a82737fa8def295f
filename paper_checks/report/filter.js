// Hides the cards that do not match; without it every card is shown.
const form = document.getElementById("filter");
const cards = [...document.querySelectorAll("article")];
const words = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
function show() {
  const wanted = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const card of cards) {
    card.hidden = !(
      wanted.every((word) => words.get(card).includes(word)) &&
      (!form.verdict.value || card.dataset.verdict === form.verdict.value) &&
      (!form.provenance.value || card.dataset.provenance === form.provenance.value) &&
      (!form.finding.checked || card.dataset.finding === "yes")
    );
    shown += !card.hidden;
  }
  for (const section of document.querySelectorAll("section.subject"))
    section.hidden = !section.querySelector("article:not([hidden])");
  form.querySelector("output").value = `${shown} of ${cards.length} claims`;
}
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.closest("[hidden]")) {
    form.reset();
    show();
    target.scrollIntoView();
  }
}
form.addEventListener("input", show);
form.addEventListener("reset", () => setTimeout(show));
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", reveal);
form.hidden = false;
form.reset();
show();
