// Runs before the first picture, so that a dark page never flashes light.
(() => {
  try {
    const saved = localStorage.getItem('daybit.theme');
    if (saved === 'light' || saved === 'dark') document.documentElement.dataset.theme = saved;
  } catch {
    // A browser that keeps nothing follows the system.
  }
})();
