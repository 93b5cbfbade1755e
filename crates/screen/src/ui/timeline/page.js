"use strict";
// The page is complete without this: it shows what is known about a step while the pointer or the focus is on its row.
window.addEventListener("error", (event) => {
  document.body.dataset.error = event.message;
});

const run = JSON.parse(document.getElementById("run").textContent);
const card = document.getElementById("card");

// Never outside of the window, and never over what is between top and bottom: the pointer, or the row.
function show(row, x, top, bottom) {
  if (row.open) {
    return hide();
  }
  card.replaceChildren(row.querySelector(".about").cloneNode(true));
  card.hidden = false;
  const below = bottom + card.offsetHeight < window.innerHeight;
  card.style.left = `${Math.max(16, Math.min(x + 12, window.innerWidth - card.offsetWidth - 16))}px`;
  card.style.top = `${below ? bottom : Math.max(0, top - card.offsetHeight)}px`;
}

function hide() {
  card.hidden = true;
}

const rows = document.querySelectorAll("details.step");
for (const row of rows) {
  const summary = row.querySelector("summary");
  // One explanation at a time: the browser's own one would cover the card.
  for (const title of row.querySelectorAll("rect > title")) {
    title.remove();
  }
  summary.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") {
      show(row, event.clientX, event.clientY - 16, event.clientY + 16);
    }
  });
  summary.addEventListener("pointerleave", hide);
  summary.addEventListener("focus", () => {
    if (summary.matches(":focus-visible")) {
      const box = summary.getBoundingClientRect();
      show(row, box.left, box.top - 6, box.bottom + 6);
    }
  });
  summary.addEventListener("blur", hide);
  row.addEventListener("toggle", hide);
}
window.addEventListener("scroll", hide, { passive: true });
window.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    hide();
  }
});
document.body.dataset.rows = `${rows.length} of ${run.steps.length}`;
