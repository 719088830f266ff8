// The page works without this file. With it, a choice takes effect at once, and only the images are replaced.
const form = document.getElementById("filter");
let latest = 0;

async function show(address, push) {
  const number = ++latest;
  document.getElementById("shown").setAttribute("aria-busy", "true");
  const response = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  if (!response || !response.ok) { location.assign(address); return; } // The server's page says what is wrong.
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (number !== latest) return; // A later choice is on its way.
  document.getElementById("shown").replaceWith(page.getElementById("shown"));
  for (const select of form.querySelectorAll("select")) {
    const theirs = page.querySelector(`#filter [name="${select.name}"]`), chosen = theirs.value;
    select.replaceChildren(...theirs.children);
    select.value = chosen; // Moving the options one by one has chosen others.
  }
  document.title = page.title;
  if (push) history.pushState(null, "", address);
}

function address() {
  const fields = [...new FormData(form)].filter(([, value]) => value);
  return `${form.action}?${new URLSearchParams(fields)}`;
}

form.addEventListener("change", (event) => { if (event.target.matches("select")) show(address(), true); });
form.addEventListener("submit", (event) => { event.preventDefault(); show(address(), true); });
document.addEventListener("click", (event) => {
  const link = event.target.closest(".paging a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.href, true).then(() => form.scrollIntoView());
});
addEventListener("popstate", () => location.reload());
