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
  const picture = new Image();
  const { alt, className } = link.querySelector("img");
  Object.assign(picture, { src: link.href, alt, className });
  dialog.append(close, picture);
  dialog.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  link.after(dialog);
  dialog.showModal();
});
