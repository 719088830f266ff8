// The pages work without this file. It adds a button that copies a snippet, and shows the letters of a font that was loaded.
const { copy, copied } = document.currentScript.dataset; // Texts in the language of the page.
for (const snippet of document.querySelectorAll("pre.snippet")) {
  if (!navigator.clipboard) break; // Browsers offer it on https and localhost only.
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(snippet.querySelector("code").textContent);
    button.textContent = copied;
    setTimeout(() => { button.textContent = copy; }, 1500);
  });
  const frame = document.createElement("div");
  frame.className = "frame";
  snippet.replaceWith(frame);
  frame.append(snippet, button);
}
// Chromium keeps showing boxes for letters that were in no font before, until their size changes.
const redraw = () => {
  for (const each of document.querySelectorAll("body [lang]")) {
    if (/[\u0530-\u1DFF]/.test(each.textContent)) each.style.fontSize = `calc(${getComputedStyle(each).fontSize} * 1.001)`;
  }
};
document.fonts.addEventListener("loadingdone", redraw);
if ([...document.fonts].some((font) => font.status === "loaded")) redraw();
