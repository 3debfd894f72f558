// Examples fill the prompt; Ctrl+Enter decides.
const form = document.getElementById("decide");
const prompt = form.elements.namedItem("prompt");

for (const button of form.querySelectorAll("[data-example]")) {
  button.addEventListener("click", () => {
    prompt.value = button.dataset.example;
    prompt.focus();
  });
}
prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
