// Forms work without this file. It stops a form from being sent twice, and keeps what was typed if the session has expired.
const kept = `typed ${location.pathname}`;
for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    const texts = [...form.querySelectorAll("textarea")].map((each) => [each.name, each.value]);
    if (texts.length) sessionStorage.setItem(kept, JSON.stringify(Object.fromEntries(texts)));
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
if (new URLSearchParams(location.search).has("done")) {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith("typed ")) sessionStorage.removeItem(key);
}
for (const [name, value] of Object.entries(JSON.parse(sessionStorage.getItem(kept) ?? "{}"))) {
  const field = document.querySelector(`form[method="post"] textarea[name="${CSS.escape(name)}"]`);
  if (field) field.value = value;
}
sessionStorage.removeItem(kept);
