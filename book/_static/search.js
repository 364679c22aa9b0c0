/* Finds sections: those that have every word of a question, or else the most of them.

   search_sections.js calls this with all that the pages say. No index is needed: to look through it takes a
   few thousandths of a second. */
window.searchSections = ({ pages, sections }) => {
  const SHOWN = 40;
  const LENGTH = 240; // letters of an excerpt
  const GREEK = { alpha: "α", beta: "β", epsilon: "ε", eta: "η", kappa: "κ", lambda: "λ", rho: "ρ", sigma: "σ", tau: "τ", theta: "θ" };

  // Nobody means these where there are others.
  const SMALL = new Set("a an and are as at be but by can do does for from how i if in is it its my not of on or so that the this to what when where which why with".split(" "));

  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // Gradients and a gradient, shuffling and to shuffle: what is left of a word without its ending.
  const stem = (word) => word.replace(/(?<=\p{L}{3})(ings?|ed|es|s|e)$/u, "");
  const START = "(?<![\\p{L}\\p{N}_])";
  const END = "(?![\\p{L}\\p{N}_])";

  function asPhrase(text) {
    const whole = new RegExp(START + text.trim().split(/\s+/).map(escaped).join("\\s+") + END, "giu");
    return { whole, any: whole };
  }

  /* A word as it stands, and as formulas write it: λmax for \lambda_{\max}, λ_max or lambdamax. */
  function asWord(text) {
    const plain = text.replace(/[\\{}_^$]/g, "");
    const greek = plain.replace(/^[a-z]+?(?=max|min|$)/i, (name) => GREEK[name.toLowerCase()] ?? name);
    const forms = [...new Set([text, plain, greek])];
    return {
      whole: new RegExp(`${START}(?:${forms.map(escaped).join("|")})${END}`, "giu"),
      any: new RegExp(`${START}(?:${forms.map((form) => escaped(stem(form))).join("|")})[\\p{L}\\p{N}_]*`, "giu"),
    };
  }

  function asked(question) {
    const phrases = [];
    const words = [];
    for (const [part, phrase] of question.matchAll(/["“”]([^"“”]+)["“”]|[^\s"“”]+/g)) {
      const word = part.replace(/^[^\p{L}\p{N}\\]+|[^\p{L}\p{N}}]+$/gu, "");
      if (phrase?.trim()) phrases.push(asPhrase(phrase));
      else if (word) words.push(word);
    }
    const meant = words.filter((word) => !SMALL.has(word.toLowerCase()));
    return [...phrases, ...(meant.length || phrases.length ? meant : words).map(asWord)];
  }

  const count = (text, pattern) => (text.match(pattern) ?? []).length;

  /* How well a section answers to one word; 0 where it does not have it. */
  function weight([page, , title, text, code], { whole, any }) {
    return (
      6 * Math.min(1, count(title, any)) + 6 * Math.min(1, count(title, whole)) +
      Math.log2(1 + count(text, any) + count(text, whole)) + Math.log2(1 + count(code, any)) / 2 +
      Math.min(1, count(pages[page][1], any)) / 2
    );
  }

  /* The sections that have the most words, the best first, and how many words that is. */
  function ranked(words, question) {
    const weights = words.map((word) => sections.map((section) => weight(section, word)));
    const rarity = weights.map((of) => Math.log(1 + sections.length / (1 + of.filter(Boolean).length)));
    const had = sections.map((_, k) => weights.filter((of) => of[k]).length);
    const most = Math.max(0, ...had);
    const score = (k) =>
      weights.reduce((sum, of, word) => sum + of[k] * rarity[word], 0) + 50 * (name(sections[k][2]) === name(question));
    const found = most ? sections.map((_, k) => k).filter((k) => had[k] === most) : [];
    const scores = new Map(found.map((k) => [k, score(k)]));
    return { most, found: found.sort((a, b) => scores.get(b) - scores.get(a)).map((k) => sections[k]) };
  }

  /* A title without its number, a function without its module. */
  const name = (title) => title.toLowerCase().replace(/^[\d.]+\s+|^[\w.]+\.(?=\w+$)/g, "").trim();

  /* Whole words around the first hit, from the start of its sentence where that is near. */
  function excerpt(text, hit) {
    const near = text.slice(Math.max(0, hit - LENGTH / 2), hit);
    const sentence = near.search(/(?<=[.:;?] )(?!.*[.:;?] )/);
    const word = near.length < LENGTH / 2 ? 0 : near.indexOf(" ") + 1;
    const start = hit - near.length + (sentence >= 0 ? sentence : word);
    if (start + LENGTH >= text.length) return [start, text.length];
    return [start, start + text.slice(start, start + LENGTH).lastIndexOf(" ")];
  }

  /* Where an excerpt shows the most words: the first such hit, or -1. */
  function bestHit(text, words) {
    const hits = words.map(({ any }) => [...text.matchAll(any)].map((hit) => hit.index));
    const near = (place) => hits.filter((of) => of.some((hit) => hit >= place && hit < place + LENGTH / 2)).length;
    const ranked = hits.flat().map((place) => [place, near(place)]).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    return ranked[0]?.[0] ?? -1;
  }

  function marked(element, text, words) {
    let from = 0;
    for (const hit of text.matchAll(new RegExp(words.map(({ any }) => any.source).join("|"), "giu"))) {
      const mark = document.createElement("mark");
      mark.textContent = hit[0];
      element.append(text.slice(from, hit.index), mark);
      from = hit.index + hit[0].length;
    }
    element.append(text.slice(from));
  }

  /* Lets the browser mark the hit, and go to it. Where the words around it cannot be told apart, or the browser
     does not know how, the link leads to the section. */
  function directive(text, hit) {
    if (!("fragmentDirective" in document)) return "";
    const told = (part) => encodeURIComponent(part.trim()).replaceAll("-", "%2D");
    const [word] = text.slice(hit).match(/^\S+/);
    const before = text.slice(0, hit).match(/(?:\S+\s+){3}$/)?.[0];
    const after = text.slice(hit + word.length).match(/^(?:\s+\S+){3}/)?.[0];
    return before && after ? `:~:text=${told(before)}-,${told(word)},-${told(after)}` : "";
  }

  function shown([page, id, title, text, code], words) {
    const [address, pageTitle] = pages[page];
    const item = document.createElement("li");
    const link = document.createElement("a");
    const quoted = document.createElement("p");
    const hit = bestHit(text, words);
    const inCode = hit < 0 ? bestHit(code, words) : -1;
    const [source, at] = inCode >= 0 ? [code, inCode] : [text, Math.max(0, hit)];
    const [start, end] = excerpt(source, at);
    link.href = address + (id && `#${id}`);
    link.textContent = title;
    // Only now: a script of the theme takes every address apart, and stumbles over these.
    const aim = () => { link.href = `${address}#${id}${hit < 0 ? "" : directive(text, hit)}`; };
    for (const how of ["click", "auxclick"]) link.addEventListener(how, aim, { once: true });
    item.append(link);
    if (id) {
      const of = document.createElement("span");
      of.textContent = pageTitle;
      item.append(" ", of);
    }
    marked(inCode >= 0 ? quoted.appendChild(document.createElement("code")) : quoted, source.slice(start, end), words);
    if (start > 0) quoted.prepend("… ");
    if (end < source.length) quoted.append(" …");
    item.append(quoted);
    return item;
  }

  function told(number, words, most, question) {
    if (!number) return `Nothing was found for ${question}. Check the spelling, or try fewer words.`;
    const sum = number === 1 ? "1 section" : `${number} sections`;
    const best = number > SHOWN ? `, of which the best ${SHOWN} are listed` : "";
    if (most === words) return `${sum} found${best}.`;
    return `No section has all of it. ${sum} with ${most} of ${words} words${best}:`;
  }

  const question = new URLSearchParams(location.search).get("q")?.trim() ?? "";
  for (const field of document.querySelectorAll('input[name="q"]')) field.value = question;
  document.querySelector(".bd-search-container input").focus();
  if (!question) return;
  const words = asked(question);
  const { most, found } = ranked(words, question);
  document.getElementById("search-status").textContent = told(found.length, words.length, most, question);
  document.getElementById("search-results").append(...found.slice(0, SHOWN).map((section) => shown(section, words)));
};
