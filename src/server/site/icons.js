// The drawings of the side bar, as strokes.

export const ICONS = {
  growth: 'M4 19h16M6 15l4-5 4 3 5-7',
  retention: 'M5 5h4v4H5zM5 11h4v4H5zM5 17h4v3H5zM11 5h4v4h-4zM11 11h4v4h-4zM17 5h3v4h-3z',
  funnels: 'M4 5h16l-6 7v6l-4 2v-8z',
  paths: 'M4 6c8 0 8 12 16 12M4 18c8 0 8-12 16-12M4 12h16',
  revenue: 'M12 3v18M16 7c-1-2-7-2.500-7.500 1s8 2.500 7.500 6.500-7 3-8 .5',
  frequency: 'M5 20V10M10 20V5M15 20v-7M20 20v-3',
  explore: 'M11 5a6 6 0 1 0 0 12a6 6 0 1 0 0-12M15.500 15.500L20 20',
  data: 'M5 6c0-3 14-3 14 0s-14 3-14 0v12c0 3 14 3 14 0V6M5 12c0 3 14 3 14 0',
  theme: 'M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16',
  refresh: 'M19 8a8 8 0 1 0 1 6M20 4v5h-5',
};
