//! What a bench found: printed line by line, and put into a page of the documentation.

use super::argument;
use std::fs;

/// Lines of Markdown.
#[derive(Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// Prints a line and keeps it.
    pub fn line(&mut self, line: impl AsRef<str>) {
        println!("{}", line.as_ref());
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// With `--write FILE` on the command line: puts the lines between the file's marks of that
    /// name, in place of what is there.
    pub fn write_if_asked(&self, name: &str) {
        let Some(file) = argument("--write") else { return };
        let page = fs::read_to_string(&file).unwrap();
        let [begin, end] = ["begin", "end"].map(|side| format!("<!-- {name}: {side} -->"));
        let (before, rest) = page.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        fs::write(file, format!("{before}{begin}\n{}{end}{after}", self.text)).unwrap();
    }
}

/// The machine, and how busy it was already.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| model.trim_start_matches([' ', '\t', ':']));
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores of {model}, load average before: {load}")
}

/// Milliseconds with digits that say something.
pub fn shown_ms(ms: f64) -> String {
    match ms {
        100.0.. => format!("{ms:.0}"),
        1.0.. => format!("{ms:.1}"),
        _ => format!("{ms:.3}"),
    }
}

/// A number in groups of three digits.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
