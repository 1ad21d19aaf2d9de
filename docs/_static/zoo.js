// The zoo's page: shows the encoders that fit what was chosen.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector(".zoo-filter");
  if (!form) return;
  const chosen = [...form.querySelectorAll("select")];
  const entries = [...document.querySelectorAll(".zoo [class*='modality-']")];
  const show = () => {
    let count = 0;
    for (const entry of entries) {
      const fits = chosen.every(
        (s) => !s.value || entry.classList.contains(`${s.dataset.filter}-${s.value}`),
      );
      entry.hidden = !fits;
      count += fits;
    }
    form.querySelector("output").textContent = `${count} of ${entries.length}`;
  };
  form.addEventListener("change", show);
  show();
});
