// The texts of the page in its language, from the attribute data-words.
export const words = JSON.parse(document.querySelector("[data-words]").dataset.words);

// Returns a text with its placeholders, which are in braces, replaced.
export function fillIn(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
