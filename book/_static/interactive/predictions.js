// Predictions that are typed: a field in each box, and the page that sums them up.
//
// What a reader commits to stays in the reader's browser, under one key, and is sent nowhere.

(() => {
  const KEY = "mini-batch-course-predictions";

  // A browser may refuse to keep anything; then a prediction lives as long as the page.
  let kept = {};
  const load = () => {
    try {
      kept = JSON.parse(localStorage.getItem(KEY)) ?? {};
    } catch {
      // as it was
    }
    if (typeof kept !== "object" || Array.isArray(kept)) kept = {};
    return kept;
  };
  const save = () => {
    try {
      localStorage.setItem(KEY, JSON.stringify(kept));
    } catch {
      // kept for this page alone
    }
  };

  /** Return the number in a text such as "16,521", "−0.5" or "~40 %", or NaN. */
  function number(text) {
    const plain = String(text).trim().replace(/−/g, "-").replace(/(\d),(?=\d{3}(\D|$))/g, "$1").replace(",", ".");
    const found = /^[~≈]?\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?:\s*[%×]|\s+[a-z][a-z ]*|x)?$/i.exec(plain);
    return found ? Number(found[1]) : NaN;
  }

  const digits = (x) => (x >= 100 ? String(Math.round(x)).replace(/\B(?=(\d{3})+$)/g, ",") : x >= 10 ? x.toFixed(0) : x.toPrecision(2));

  /** Return by which factor a guess is off, from 1 up; infinite where it has the wrong sign. */
  function factorOff(guess, answer) {
    if (guess === answer) return 1;
    const ratio = guess / answer;
    return ratio > 0 && Number.isFinite(ratio) ? Math.max(ratio, 1 / ratio) : Infinity;
  }

  /** Say how far off a number is. */
  function howFar(guess, answer) {
    const off = factorOff(guess, answer);
    if (off < 1.005) return "exactly right";
    if (off < 1.1) return "right to within a tenth";
    if (off === Infinity) {
      return answer === 0 || guess === 0 ? `off by ${digits(Math.abs(guess - answer))}` : "of the wrong sign";
    }
    return `too ${Math.abs(guess) > Math.abs(answer) ? "high" : "low"} by a factor of ${digits(off)}`;
  }

  const withUnit = (value, { unit = "" }) => (unit ? `${value} ${unit}` : value);

  /** Say what was predicted, what the page found, and how they compare. */
  function verdict(asked, guess) {
    if (asked.choices) {
      return guess === asked.answer ? `You said: ${guess}. So it is.` : `You said: ${guess}. It is: ${asked.answer}.`;
    }
    const far = howFar(number(guess), number(asked.answer));
    return `You said ${guess}, it is ${withUnit(asked.answer, asked)}: ${far}.`;
  }

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // --- a field ---

  function field(place) {
    const asked = JSON.parse(place.dataset.prediction);
    const key = `${place.dataset.page}#${asked.id}`;
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", asked.label);

    const ask = () => {
      const name = element("span", { class: "asked", id: `${asked.id}-label` }, `${asked.label}: `);
      const button = element("button", { type: "button" }, "Commit");
      const fault = element("span", { class: "fault", role: "status" });
      let read;
      let inputs;
      if (asked.choices) {
        inputs = asked.choices.map((choice) => element("input", { type: "radio", name: asked.id, value: choice, autocomplete: "off" }));
        const labels = inputs.map((input, i) => element("label", {}, input, ` ${asked.choices[i]}`));
        place.replaceChildren(name, ...labels, button, fault);
        read = () => inputs.find((input) => input.checked)?.value;
      } else {
        const input = element("input", { type: "text", inputmode: "decimal", size: "8", "aria-labelledby": `${asked.id}-label`, autocomplete: "off" });
        inputs = [input];
        place.replaceChildren(name, input, asked.unit ? ` ${asked.unit} ` : " ", button, fault);
        read = () => (Number.isNaN(number(input.value)) ? undefined : input.value.trim());
        input.addEventListener("keydown", (event) => {
          if (event.key === "Enter") button.click();
        });
      }
      button.addEventListener("click", () => {
        const guess = read();
        if (guess === undefined) {
          fault.textContent = asked.choices ? " Choose one first." : " Type a number first, such as 12 or 0.5.";
          inputs[0].focus();
          return;
        }
        load();
        kept[key] = guess;
        save();
        tell(guess).focus();
      });
      return inputs[0];
    };
    const tell = (guess) => {
      const result = element("span", { class: "result", tabindex: "-1", role: "status" }, verdict(asked, guess));
      const again = element("button", { type: "button" }, "Take back");
      again.addEventListener("click", () => {
        load();
        delete kept[key];
        save();
        ask().focus();
      });
      place.replaceChildren(element("span", { class: "asked" }, `${asked.label}: `), result, " ", again);
      holdFindings();
      return result;
    };
    const valid = (guess) => typeof guess === "string" && (asked.choices ? asked.choices.includes(guess) : !Number.isNaN(number(guess)));
    const known = load()[key];
    if (valid(known)) tell(known);
    else ask();
  }

  // --- the summary ---

  /** Return what the predictions made so far come to. */
  function tally(pages, guesses) {
    const made = pages.flatMap(({ page, predictions }) =>
      predictions.map((asked) => ({ asked, guess: guesses[`${page}#${asked.id}`] })).filter(({ guess }) => typeof guess === "string")
    );
    const choices = made.filter(({ asked }) => asked.choices);
    const numbers = made.filter(({ asked }) => !asked.choices);
    const factors = numbers.map(({ asked, guess }) => factorOff(number(guess), number(asked.answer)));
    const within = (most) => factors.filter((factor) => factor <= most).length;
    return {
      made: made.length,
      choices: choices.length,
      right: choices.filter(({ asked, guess }) => guess === asked.answer).length,
      numbers: numbers.length,
      near: within(1.25),
      double: within(2),
      ten: within(10),
      high: numbers.filter(({ asked, guess }) => number(guess) > number(asked.answer)).length,
    };
  }

  function summary(root) {
    const pages = JSON.parse(root.querySelector("script").textContent);
    const output = element("div");
    root.append(output);
    const show = () => {
      const guesses = load();
      const sums = tally(pages, guesses);
      const total = pages.reduce((count, { predictions }) => count + predictions.length, 0);
      const parts = [element("p", { role: "status" }, `You have committed to ${sums.made} of ${total} predictions.`)];
      if (sums.choices > 0) parts.push(element("p", {}, `Choices: ${sums.right} of ${sums.choices} right.`));
      if (sums.numbers > 0) {
        parts.push(
          element("p", {}, `Numbers: of ${sums.numbers}, ${sums.near} within a quarter of what was measured, ${sums.double} within a factor of 2, ${sums.ten} within a factor of 10; ${sums.high} too high.`)
        );
      }
      for (const { title, page, address, predictions } of pages) {
        const [made, open] = [[], []];
        for (const asked of predictions) {
          const guess = guesses[`${page}#${asked.id}`];
          const link = element("a", { href: `${address}#${asked.id}` }, asked.label);
          const row = element("li", {}, `${asked.section}: `, link);
          if (typeof guess === "string") row.append(`: ${verdict(asked, guess)}`);
          (typeof guess === "string" ? made : open).push(row);
        }
        parts.push(element("h2", {}, title));
        if (made.length > 0) parts.push(element("ul", {}, ...made));
        if (open.length > 0) {
          parts.push(element("details", {}, element("summary", {}, `Not yet: ${open.length}`), element("ul", {}, ...open)));
        }
      }
      const forget = element("button", { type: "button" }, "Forget all");
      forget.addEventListener("click", () => {
        if (forget.textContent === "Forget all") {
          forget.textContent = "Really forget all?";
          return;
        }
        kept = {};
        save();
        show();
      });
      output.replaceChildren(...parts, ...(sums.made > 0 ? [forget] : []));
    };
    show();
    window.addEventListener("storage", show);
  }

  // --- findings that wait, for readers who want them to ---

  const WAIT = "mini-batch-course-findings-wait";
  const waits = () => {
    try {
      return localStorage.getItem(WAIT) === "yes";
    } catch {
      return false;
    }
  };

  /** Hide the bold finding at the top of a section until all its predictions are committed. */
  function holdFindings() {
    for (const place of document.querySelectorAll(".prediction")) {
      const section = place.closest("section");
      const finding = section?.querySelector(":scope > p");
      if (finding?.firstElementChild?.tagName !== "STRONG") continue;
      const open = [...section.querySelectorAll(".prediction")].some((one) => one.closest("section") === section && !one.querySelector(".result"));
      finding.classList.toggle("finding-waits", waits() && open);
    }
  }

  function waitingSwitch(root) {
    const box = element("input", { type: "checkbox", autocomplete: "off" });
    box.checked = waits();
    box.addEventListener("change", () => {
      try {
        localStorage.setItem(WAIT, box.checked ? "yes" : "no");
      } catch {
        box.checked = false;
      }
    });
    root.prepend(element("p", {}, element("label", {}, box, " On all pages, hide the finding at the top of a section until I have committed to its predictions")));
  }

  globalThis.predictions = { number, factorOff, howFar, verdict, tally };
  globalThis.document?.querySelectorAll(".prediction").forEach(field);
  globalThis.document?.querySelectorAll(".your-predictions").forEach((root) => {
    summary(root);
    waitingSwitch(root);
  });
  if (globalThis.document) holdFindings();
})();
