// A picture opens large over the page, where it scrolls. Without this script its link leads to the picture alone.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.picture");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const dialog = document.createElement("dialog");
  dialog.className = "large-picture";
  dialog.setAttribute("aria-label", link.closest("figure").querySelector(".caption-number")?.textContent.trim() ?? "Picture");
  const close = document.createElement("button");
  close.textContent = "Close";
  dialog.append(close, link.querySelector("img").cloneNode());
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  link.after(dialog);
  dialog.showModal();
});
