// Runs before the first picture: the theme, so that a dark page never flashes light; the first
// question, whose answer is there when the other scripts are; and what draws this page.
(() => {
  const kept = (storage, key) => {
    try {
      return globalThis[storage].getItem(key);
    } catch {
      // A browser that keeps nothing follows the system, and is asked for a token.
      return null;
    }
  };
  const theme = kept('localStorage', 'daybit.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  const token = kept('sessionStorage', 'daybit.token');
  const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
  globalThis.firstInfo = fetch('/v1/info', { headers }).catch(() => null);
  const page = location.pathname.split('/')[1] || 'growth';
  const href = `/assets/pages/${page}.js`;
  document.head.append(
    Object.assign(document.createElement('link'), { rel: 'modulepreload', href }),
  );
})();
