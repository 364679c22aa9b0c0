// Escape puts the notes on other seeds away; they come back as soon as pointer or focus moves on.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.documentElement.classList.add("notes-away");
});
// (No pointerover: a page that scrolls under a pointer at rest brings that too.)
for (const moved of ["pointermove", "pointerdown", "focusin"]) {
  document.addEventListener(moved, () => document.documentElement.classList.remove("notes-away"));
}
