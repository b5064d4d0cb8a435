// Runs before the first picture, so that a dark page never flashes light.
(() => {
  const saved = localStorage.getItem('daybit.theme');
  if (saved === 'light' || saved === 'dark') document.documentElement.dataset.theme = saved;
})();
