const buttons = document.querySelectorAll("nav button");
function speak(language) {
  document.documentElement.lang = language;
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.language === language);
}
for (const button of buttons) button.addEventListener("click", () => speak(button.dataset.language));
speak(navigator.language.startsWith("ja") ? "ja" : "en");
