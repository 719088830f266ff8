// The pages work without this file. It only adds a button that copies a snippet.
for (const snippet of document.querySelectorAll("pre.snippet")) {
  if (!navigator.clipboard) break; // Browsers offer it on https and localhost only.
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(snippet.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  const frame = document.createElement("div");
  frame.className = "frame";
  snippet.replaceWith(frame);
  frame.append(snippet, button);
}
