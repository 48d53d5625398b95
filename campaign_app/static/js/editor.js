/*
 * HugeRTE on `textarea[data-editor]`. What it must never do is improve the author's work: whole HTML
 * documents, comments and Liquid tags come out as they went in. Merge fields for the menu come as JSON
 * in `data-merge-fields`: [{"label": "First name", "insert": "{{ name | default: 'friend' }}"}].
 * When anything fails, the plain textarea is what remains, and works.
 */

const BASE = new URL("../vendor/hugerte", import.meta.url).href;
const dark = () => document.documentElement.dataset.bsTheme === "dark";

let loading = null;

function load() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${BASE}/hugerte.min.js`;
    script.addEventListener("load", () => resolve(window.hugerte));
    script.addEventListener("error", () => reject(new Error("HugeRTE did not load")));
    document.head.append(script);
  });
  return loading;
}

function mergeFields(textarea) {
  try {
    return JSON.parse(textarea.dataset.mergeFields || "[]");
  } catch {
    return [];
  }
}

function menu(editor, fields) {
  if (!fields.length) return;
  editor.ui.registry.addMenuButton("mergefields", {
    text: "Merge field",
    tooltip: "Insert a merge field",
    fetch: (show) =>
      show(fields.map(({ label, insert }) => ({ type: "menuitem", text: label, onAction: () => editor.insertContent(insert) }))),
  });
}

/* A document has a head, and the editor edits a body: the wrapping is set aside on the way in and put
   back, to the letter, on the way out. */
function split(html) {
  const match = /^([\s\S]*?<body[^>]*>)([\s\S]*?)(<\/body>[\s\S]*)$/i.exec(html);
  return match ? { before: match[1], body: match[2], after: match[3] } : { before: "", body: html, after: "" };
}

/* {% … %} is protected as it stands, or a loop around table rows would be thrown out of the table. */
const PROTECT = [/\{%[\s\S]*?%\}/g, /<\?[\s\S]*?\?>/g, /<!--\[if[\s\S]*?<!\[endif\]-->/gi];

function settings(textarea) {
  return {
    target: textarea,
    base_url: BASE,
    suffix: ".min",
    skin: dark() ? "oxide-dark" : "oxide",
    content_css: "default",
    plugins: "link lists table image code autolink charmap searchreplace wordcount visualblocks",
    toolbar: [
      "undo redo | blocks | bold italic underline forecolor | mergefields | link image table |",
      "bullist numlist | alignleft aligncenter alignright | removeformat visualblocks code",
    ].join(" "),
    toolbar_mode: "wrap",
    menubar: false,
    branding: false,
    promotion: false,
    height: Number(textarea.dataset.editorHeight) || 520,
    resize: true,
    protect: PROTECT,
    relative_urls: false,
    convert_urls: false,
    remove_script_host: false,
    verify_html: false,
    link_title: false,
    link_target_list: false, // mail programs decide on that themselves
    entity_encoding: "raw",
    valid_elements: "*[*]",
    extended_valid_elements: "style[*],center[*],font[*]",
    valid_children: "+body[style],+div[style]",
    forced_root_block: "p",
    convert_fonts_to_spans: false,
    indent: false,
    browser_spellcheck: true,
    contextmenu: false,
    sandbox_iframes: true,
  };
}

/* Untouched means untouched: not even the editor's own tidying may change what is stored. The source
   view shows, and takes, the whole document. */
function keepFrame(editor, original) {
  let frame = split(original);
  let clean = null;
  editor.on("init", () => {
    clean = editor.getContent();
  });
  editor.on("BeforeSetContent", (event) => {
    if (!/<body[^>]*>/i.test(event.content)) return;
    if (event.content !== original) original = null;
    frame = split(event.content);
    event.content = frame.body;
  });
  editor.on("GetContent", (event) => {
    if (!event.save && !event.source_view) return;
    const untouched = original !== null && event.content === clean;
    event.content = untouched ? original : frame.before + event.content + frame.after;
  });
}

function styles(html) {
  return [...html.matchAll(/<style[^>]*>([\s\S]*?)<\/style>/gi)].map((match) => match[1]).join("\n");
}

async function edit(textarea) {
  const hugerte = await load();
  const original = textarea.value;
  const fields = mergeFields(textarea);
  const [editor] = await hugerte.init({
    ...settings(textarea),
    content_style: styles(original),
    setup: (fresh) => {
      menu(fresh, fields);
      keepFrame(fresh, original);
    },
  });
  if (!editor) return;
  editor.getBody().setAttribute("aria-label", textarea.labels?.[0]?.textContent.trim() || "Text");
  editor.save();
  editor.on("input change undo redo", () => {
    editor.save();
    textarea.dispatchEvent(new Event("input", { bubbles: true })); // as if typed into the field itself
  });
  document.addEventListener("themechange", () => restyle(textarea, editor), { once: true });
}

async function restyle(textarea, editor) {
  if (!textarea.isConnected) return;
  editor.save();
  editor.remove();
  await edit(textarea);
}

/** Turn every `textarea[data-editor]` at or below `node` into an editor. */
export function start(node) {
  for (const textarea of node.querySelectorAll("textarea[data-editor]")) {
    if (textarea.dataset.editorReady) continue;
    textarea.dataset.editorReady = "yes";
    edit(textarea).catch((error) => console.warn("The plain text field stays:", error));
  }
}
