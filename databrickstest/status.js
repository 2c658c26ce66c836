// Updates the page. The row at the top of the window stays there, even if new rows
// appear above it. There is no update while the reader selects text or types, or
// while the page is hidden.
const main = document.querySelector("main");
const note = document.querySelector("#updated");

function place() {
  for (const row of main.querySelectorAll("[data-key]")) {
    const { top, bottom } = row.getBoundingClientRect();
    if (bottom > 0) return { key: row.dataset.key, top };
  }
}

async function update() {
  const selection = getSelection();
  if (document.hidden || !selection.isCollapsed || main.contains(document.activeElement)) return;
  let response, text;
  try {
    response = await fetch(location.href, { cache: "no-store" });
    text = await response.text();
  } catch {
    note.textContent = "The workspace does not respond. The page shows its last known state.";
    return;
  }
  if (!response.ok) {
    note.textContent = `${text.trim()} The page shows the last known state.`;
    return;
  }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const kept = scrollY > 0 && place();
  const sideways = [...main.querySelectorAll(".wide")].map((box) => box.scrollLeft);
  main.innerHTML = fresh.querySelector("main").innerHTML;
  note.textContent = fresh.querySelector("#updated").textContent;
  main.querySelectorAll(".wide").forEach((box, i) => (box.scrollLeft = sideways[i] ?? 0));
  const row = kept && [...main.querySelectorAll("[data-key]")].find((r) => r.dataset.key === kept.key);
  if (row) scrollBy(0, row.getBoundingClientRect().top - kept.top);
}
setInterval(update, 2000);
