//! Line charts as SVG: axes, ticks, and each line's name at its end. Readable on light and dark.

use std::fmt::Write as _;

pub enum Scale {
    Linear,
    Logarithmic,
}

pub struct Line {
    pub name: String,
    /// Ascending by the first.
    pub points: Vec<(f64, f64)>,
}

pub struct Chart {
    pub title: String,
    pub x_label: String,
    pub x: Scale,
    pub y: Scale,
    pub x_ticks: Vec<f64>,
    pub lines: Vec<Line>,
}

const CHART_WIDTH: f64 = 470.0;
const HEIGHT: f64 = 380.0;
/// Of the axes within a chart.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 330.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 330.0;
/// Between the names of two lines.
const NAME_HEIGHT: f64 = 15.0;
const COLOURS: [&str; 9] = [
    "#4e79a7", "#e0812b", "#d1495b", "#3d9a93", "#59a14f", "#a8891c", "#a06cb5", "#9c755f",
    "#7a7f87",
];
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}.t{font-weight:600}\
.p{fill:#fff}.a{stroke:#57606a;fill:none}.g{stroke:#d0d7de;fill:none}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.p{fill:#0d1117}.a{stroke:#9198a1}\
.g{stroke:#30363d}}";

/// One axis: from values to pixels.
struct Axis {
    logarithmic: bool,
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(scale: &Scale, (least, most): (f64, f64), (from, to): (f64, f64)) -> Axis {
        Axis { logarithmic: matches!(scale, Scale::Logarithmic), least, most, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let share = match self.logarithmic {
            true => (value / self.least).ln() / (self.most / self.least).ln(),
            false => (value - self.least) / (self.most - self.least),
        };
        self.from + share * (self.to - self.from)
    }
}

/// Powers of ten, or steps of a half, around all values.
fn y_ticks(chart: &Chart) -> Vec<f64> {
    let values = chart.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (least, most) =
        values.fold((f64::INFINITY, 0.0), |(least, most), y| (y.min(least), y.max(most)));
    match chart.y {
        Scale::Logarithmic => {
            let (from, to) = (least.log10().floor() as i32, most.log10().ceil() as i32);
            (from..=to.max(from + 1)).map(|power| 10f64.powi(power)).collect()
        }
        Scale::Linear => {
            let step = if most > 8.0 { 2.0 } else { 0.5 };
            let (from, to) = ((least / step).floor() as i32, (most / step).ceil() as i32);
            (from..=to.max(from + 1)).map(|at| f64::from(at) * step).collect()
        }
    }
}

fn ends(ticks: &[f64]) -> (f64, f64) {
    (ticks[0], ticks[ticks.len() - 1])
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, class: &str, words: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{class}>{words}</text>")
        .unwrap();
}

/// The frame, the ticks and what they stand for.
fn axes(svg: &mut String, chart: &Chart, x: &Axis, y: &Axis, y_ticks: &[f64]) {
    for tick in y_ticks {
        let at = y.at(*tick);
        writeln!(svg, "<path class=\"g\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>").unwrap();
        text(svg, (LEFT - 6.0, at + 4.0), "end", "", &tick.to_string());
    }
    for tick in &chart.x_ticks {
        let at = x.at(*tick);
        writeln!(svg, "<path class=\"a\" d=\"M{at:.1} {BOTTOM}v5\"/>").unwrap();
        text(svg, (at, BOTTOM + 19.0), "middle", "", &tick.to_string());
    }
    writeln!(svg, "<path class=\"a\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\"/>").unwrap();
    text(svg, ((LEFT + RIGHT) / 2.0, BOTTOM + 38.0), "middle", "", &chart.x_label);
    text(svg, (LEFT - 40.0, TOP - 18.0), "start", "t", &chart.title);
}

/// Where the names go: beside the ends of their lines, and apart from each other.
fn name_places(ends: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by(|a, b| ends[*a].total_cmp(&ends[*b]));
    let mut places = ends.to_vec();
    let mut free = TOP;
    for line in &order {
        places[*line] = places[*line].max(free);
        free = places[*line] + NAME_HEIGHT;
    }
    // What was pushed beyond the lower end comes back up.
    let mut free = BOTTOM;
    for line in order.iter().rev() {
        places[*line] = places[*line].min(free);
        free = places[*line] - NAME_HEIGHT;
    }
    places
}

fn lines(svg: &mut String, chart: &Chart, x: &Axis, y: &Axis) {
    let end = |line: &Line| line.points.last().map_or(BOTTOM, |point| y.at(point.1));
    let places = name_places(&chart.lines.iter().map(end).collect::<Vec<f64>>());
    for ((line, place), colour) in chart.lines.iter().zip(places).zip(COLOURS.iter().cycle()) {
        let points: Vec<String> = line
            .points
            .iter()
            .map(|(px, py)| format!("{:.1} {:.1}", x.at(*px), y.at(*py)))
            .collect();
        let path = points.join("L");
        let stroke = format!("fill=\"none\" stroke=\"{colour}\"");
        writeln!(svg, "<path {stroke} stroke-width=\"2\" d=\"M{path}\"/>").unwrap();
        let lead = format!("M{RIGHT} {:.1}L{:.1} {place:.1}", end(line), RIGHT + 14.0);
        writeln!(svg, "<path {stroke} d=\"{lead}\"/>").unwrap();
        text(svg, (RIGHT + 18.0, place + 4.0), "start", "", &line.name);
    }
}

/// Charts side by side.
pub fn draw(charts: &[Chart]) -> String {
    let width = CHART_WIDTH * charts.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" \
         width=\"{width}\" height=\"{HEIGHT}\">\n<style>{STYLE}</style>\n\
         <rect class=\"p\" width=\"{width}\" height=\"{HEIGHT}\"/>\n"
    );
    for (number, chart) in charts.iter().enumerate() {
        let y_ticks = y_ticks(chart);
        let x = Axis::new(&chart.x, ends(&chart.x_ticks), (LEFT, RIGHT));
        let y = Axis::new(&chart.y, ends(&y_ticks), (BOTTOM, TOP));
        writeln!(svg, "<g transform=\"translate({} 0)\">", CHART_WIDTH * number as f64).unwrap();
        axes(&mut svg, chart, &x, &y, &y_ticks);
        lines(&mut svg, chart, &x, &y);
        writeln!(svg, "</g>").unwrap();
    }
    svg + "</svg>\n"
}
