// Charts and tables as pictures to keep.

import { colours } from './chart.js';
import { h } from './dom.js';
import { drawn } from './format.js';

const SCALE = 2;
const MARGIN = 16;

/**
 * A chart with its title and legend as a picture.
 * @param {{label: string, colour: string}[]} legend
 * @returns {Promise<Blob>}
 */
export function picture(drawing, title, subtitle, legend) {
  const chart = drawing.chart;
  const theme = colours();
  const head = 52 + legendRows(legend, chart.getWidth()).length * 18;
  const { canvas, pen } = sheet(
    chart.getWidth() + 2 * MARGIN,
    chart.getHeight() + head + MARGIN,
    theme,
  );
  heading(pen, title, subtitle, theme);
  drawLegend(pen, legend, chart.getWidth(), theme);
  const image = chart.renderToCanvas({ pixelRatio: SCALE, backgroundColor: theme.surface });
  pen.drawImage(image, MARGIN, head, chart.getWidth(), chart.getHeight());
  return blob(canvas);
}

function sheet(width, height, theme) {
  const canvas = h('canvas', {
    width: Math.ceil(width * SCALE),
    height: Math.ceil(height * SCALE),
  });
  const pen = canvas.getContext('2d');
  pen.scale(SCALE, SCALE);
  pen.fillStyle = theme.surface;
  pen.fillRect(0, 0, width, height);
  return { canvas, pen };
}

function font(size, weight = 400) {
  return `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
}

function heading(pen, title, subtitle, theme) {
  pen.fillStyle = theme.text;
  pen.font = font(15, 600);
  pen.fillText(drawn(title, 90), MARGIN, 24);
  pen.fillStyle = theme.muted;
  pen.font = font(12);
  pen.fillText(drawn(subtitle, 140), MARGIN, 42);
}

/** Entries of a legend in rows as wide as the chart. */
function legendRows(legend, width) {
  const pen = h('canvas').getContext('2d');
  pen.font = font(12);
  const wide = (entry) => 32 + pen.measureText(drawn(entry.label, LEGEND_LONGEST)).width;
  const rows = [];
  let left = 0;
  for (const entry of legend) {
    if (rows.length === 0 || left < wide(entry)) {
      rows.push([]);
      left = width;
    }
    rows.at(-1).push({ ...entry, x: MARGIN + width - left });
    left -= wide(entry);
  }
  return rows;
}

const LEGEND_LONGEST = 32;

function drawLegend(pen, legend, width, theme) {
  pen.font = font(12);
  legendRows(legend, width).forEach((row, at) =>
    row.forEach((entry) => {
      const y = 62 + at * 18;
      pen.fillStyle = entry.colour;
      pen.fillRect(entry.x, y - 9, 10, 10);
      pen.fillStyle = theme.text;
      pen.fillText(drawn(entry.label, LEGEND_LONGEST), entry.x + 15, y);
    }),
  );
}

/** A table as it looks, as a picture. */
export function tablePicture(table, title, subtitle) {
  const theme = colours();
  const box = table.getBoundingClientRect();
  const { canvas, pen } = sheet(box.width + 2 * MARGIN, box.height + 52 + MARGIN, theme);
  heading(pen, title, subtitle, theme);
  for (const cell of table.querySelectorAll('th, td')) {
    const at = cell.getBoundingClientRect();
    drawCell(pen, cell, {
      x: at.x - box.x + MARGIN,
      y: at.y - box.y + 52,
      w: at.width,
      h: at.height,
    });
  }
  return blob(canvas);
}

function drawCell(pen, cell, at) {
  const style = getComputedStyle(cell);
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(at.x, at.y, at.w - 1, at.h - 1);
  pen.fillStyle = style.color;
  pen.font = `${style.fontStyle} ${font(12, Number(style.fontWeight) || 400)}`;
  if (cell.classList.contains('pending')) outline(pen, at);
  const right = style.textAlign === 'right' || style.textAlign === 'end';
  const centred = style.textAlign === 'center';
  pen.textAlign = right ? 'right' : centred ? 'center' : 'left';
  pen.fillText(
    drawn(cell.innerText, 60),
    at.x + (right ? at.w - 8 : centred ? at.w / 2 : 8),
    at.y + at.h / 2 + 4,
  );
  pen.textAlign = 'left';
}

/** The edge of what is not over yet. */
function outline(pen, at) {
  pen.save();
  pen.setLineDash([3, 2]);
  pen.strokeStyle = colours().muted;
  pen.strokeRect(at.x + 1.5, at.y + 1.5, at.w - 3, at.h - 3);
  pen.restore();
}

function blob(canvas) {
  return new Promise((resolve) => {
    canvas.toBlob(resolve, 'image/png');
  });
}
