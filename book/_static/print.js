// Paper is white, and nobody can unfold code on it: while a page is printed it is light and its code is open.
// Hints and solutions stay as the reader left them.

const printing = matchMedia("print");
const page = document.documentElement;
let before = null;

function prepare() {
  if (before) return;
  before = { theme: page.dataset.theme, folded: [...document.querySelectorAll("details.above-input:not([open])")] };
  page.dataset.theme = "light";
  for (const code of before.folded) code.open = true;
}

function restore() {
  if (!before) return;
  page.dataset.theme = before.theme;
  for (const code of before.folded) code.open = false;
  before = null;
}

printing.addEventListener("change", () => (printing.matches ? prepare() : restore()));
addEventListener("beforeprint", prepare);
addEventListener("afterprint", restore);
