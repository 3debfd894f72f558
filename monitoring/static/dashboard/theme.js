// Runs before the page is painted, so that nobody sees it in the wrong colors first.
(() => {
  const KEY = "optimizer-theme";
  const root = document.documentElement;
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;

  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme")?.addEventListener("click", () => {
      const isDark = root.dataset.theme
        ? root.dataset.theme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = isDark ? "light" : "dark";
      localStorage.setItem(KEY, root.dataset.theme);
      document.dispatchEvent(new Event("themechange"));
    });
  });
})();
