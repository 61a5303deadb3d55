// Click-to-call: numbers in the page become links, also in what the page adds later; tel: links are taken over.
import { dialled, numbersIn } from "./numbers.ts";

const MARK = "data-tongdai-call";
const LEAVE = "a, button, input, textarea, select, script, style, noscript, [contenteditable], [data-tongdai-off]";

// Until the function that it returns is called.
export function watchClicks(root: HTMLElement, dial: (number: string) => void): () => void {
  const click = (event: MouseEvent) => {
    const target = event.target instanceof Element ? event.target.closest(`[${MARK}], a[href^="tel:"]`) : null;
    if (!target || event.defaultPrevented) return;
    event.preventDefault();
    dial(target.getAttribute(MARK) ?? dialled(decodeURIComponent(target.getAttribute("href") ?? "")));
  };
  const observer = new MutationObserver((changes) => {
    for (const { addedNodes } of changes) addedNodes.forEach((node) => link(node));
  });
  link(root);
  observer.observe(root, { childList: true, subtree: true });
  root.addEventListener("click", click);
  return () => {
    observer.disconnect();
    root.removeEventListener("click", click);
  };
}

function link(node: Node): void {
  const texts: Text[] = [];
  if (node instanceof Text) texts.push(node);
  else {
    const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) texts.push(walker.currentNode as Text);
  }
  for (const text of texts) if (!text.parentElement?.closest(LEAVE)) linkText(text);
}

function linkText(text: Text): void {
  let rest = text, offset = 0;
  for (const { start, end, number } of numbersIn(text.data)) {
    const place = rest.splitText(start - offset);
    rest = place.splitText(end - start);
    offset = end;
    const made = document.createElement("a");
    made.href = `tel:${number}`;
    made.setAttribute(MARK, number);
    place.replaceWith(made);
    made.append(place);
  }
}
