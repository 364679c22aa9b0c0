// Escape puts the notes on other seeds away; they come back as soon as pointer or focus moves on.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.documentElement.classList.add("notes-away");
});
for (const moved of ["pointerover", "focusin"]) {
  document.addEventListener(moved, () => document.documentElement.classList.remove("notes-away"));
}
