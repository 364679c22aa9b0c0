// A formula that is wider than the page scrolls; let the keyboard reach it then, and only then.
// (The theme does the same for code, outputs and tables.)
const markScrollable = () => {
  for (const formula of document.querySelectorAll("div.math > .katex-display")) {
    if (formula.scrollWidth > formula.clientWidth) {
      formula.tabIndex = 0;
    } else {
      formula.removeAttribute("tabindex");
    }
  }
};

window.addEventListener("resize", markScrollable);
document.fonts.ready.then(markScrollable);
