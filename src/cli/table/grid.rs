//! Cells beside and below each other.

use super::Style;
use super::text::{NULL, grouped};
use crate::shade::{bar, shade};
use comfy_table::{Attribute, Cell, CellAlignment, Color};

/// Rows of a table: nobody reads more on a terminal, and laying them out takes long.
const ROWS_MAX: usize = 1_000;
/// The longest bar, and the shortest that is worth showing.
pub const BAR_MAX: usize = 24;
const BAR_MIN: usize = 8;

/// One cell: its text, and how it is to look.
#[derive(Debug, Clone)]
pub struct Tile {
    pub text: String,
    pub look: Look,
}

#[derive(Debug, Clone, Copy)]
pub enum Look {
    Plain,
    Dim,
    /// A share of the deepest shade.
    Heat(f64),
    Bar,
}

/// A heading, and a cell for every row.
pub struct Strip {
    pub heading: String,
    pub tiles: Vec<Tile>,
}

impl Tile {
    pub fn plain(text: String) -> Tile {
        Tile { text, look: Look::Plain }
    }

    pub fn null() -> Tile {
        Tile { text: NULL.to_string(), look: Look::Dim }
    }

    /// A count, or null.
    pub fn number(value: Option<u64>) -> Tile {
        value.map_or_else(Tile::null, |value| Tile::plain(grouped(value)))
    }

    /// A star after what is not complete, and as much room after what is.
    pub fn marked(text: String, complete: bool) -> Tile {
        Tile::plain(text + if complete { " " } else { "*" })
    }
}

impl Strip {
    pub fn new(heading: &str, tiles: impl IntoIterator<Item = Tile>) -> Strip {
        Strip { heading: heading.to_string(), tiles: tiles.into_iter().collect() }
    }

    /// Numbers with their points below each other; a mark stays with its number.
    pub fn on_the_point(heading: &str, tiles: impl IntoIterator<Item = Tile>) -> Strip {
        let mut strip = Strip::new(heading, tiles);
        let behind = |text: &str| text.find('.').map_or(0, |point| end(text) - point);
        let most = strip.tiles.iter().map(|tile| behind(&tile.text)).max().unwrap_or_default();
        for tile in &mut strip.tiles {
            let missing = most - behind(&tile.text);
            tile.text.push_str(&" ".repeat(missing));
        }
        strip
    }

    fn is_bars(&self) -> bool {
        self.tiles.iter().any(|tile| matches!(tile.look, Look::Bar))
    }

    /// Characters of its widest cell.
    fn width(&self) -> usize {
        let texts = self.tiles.iter().map(|tile| tile.text.as_str());
        texts.chain([self.heading.as_str()]).map(|t| t.chars().count()).max().unwrap_or_default()
    }
}

/// Where a number's digits end in a text, and the only letter of one without digits.
fn end(text: &str) -> usize {
    let digit = text.rfind(|letter: char| letter.is_ascii_digit()).map(|place| place + 1);
    digit.unwrap_or_else(|| text.chars().next().map_or(0, char::len_utf8))
}

/// Bars as long as the shares, where beside these strips there is room for them.
pub fn bars(beside: &[Strip], heading: &str, shares: &[f64], style: &Style) -> Option<Strip> {
    let room = style.width.saturating_sub(total(beside) + 2).min(BAR_MAX);
    let tile = |&share: &f64| Tile { text: bar(share, room), look: Look::Bar };
    (room >= BAR_MIN).then(|| Strip::new(heading, shares.iter().map(tile)))
}

/// Characters of strips beside each other, two between them.
pub fn total<'a>(strips: impl IntoIterator<Item = &'a Strip>) -> usize {
    let widths = strips.into_iter().map(|strip| strip.width() + 2);
    widths.sum::<usize>().saturating_sub(2)
}

/// How many of the strips fit into the room, at least one.
pub fn fitting_in(strips: &[Strip], mut room: usize) -> usize {
    let fits = |strip: &&Strip| {
        let fits = strip.width() + 2 <= room;
        room = room.saturating_sub(strip.width() + 2);
        fits
    };
    strips.iter().take_while(fits).count().max(1).min(strips.len())
}

/// Lays strips beside the first one; what does not fit goes below, with the first one again.
pub fn below_each_other(first: &Strip, strips: &[Strip], style: &Style) -> String {
    let mut blocks = Vec::new();
    let mut rest = strips;
    while !rest.is_empty() {
        let fit = fitting_in(rest, style.width.saturating_sub(first.width()));
        let (now, later) = rest.split_at(fit);
        blocks.push(draw(std::iter::once(first).chain(now), style));
        rest = later;
    }
    blocks.join("\n")
}

/// Lays strips beside each other: the first to the left, figures to the right.
pub fn draw<'a>(strips: impl IntoIterator<Item = &'a Strip>, style: &Style) -> String {
    let strips: Vec<&Strip> = strips.into_iter().collect();
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    if style.colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let rows = strips.iter().map(|strip| strip.tiles.len()).max().unwrap_or_default();
    table.add_row(strips.iter().enumerate().map(|(at, strip)| {
        let tile = Tile { text: strip.heading.clone(), look: Look::Dim };
        cell(Some(&tile), at > 0 && !strip.is_bars())
    }));
    let left_out = rows.saturating_sub(ROWS_MAX);
    for row in left_out..rows {
        let tiles = strips.iter().enumerate();
        table.add_row(
            tiles.map(|(at, strip)| cell(strip.tiles.get(row), at > 0 && !strip.is_bars())),
        );
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    let text = table.trim_fmt() + "\n";
    match left_out {
        0 => text,
        _ => format!("{text}the first {left_out} rows are left out: --format csv has all\n"),
    }
}

fn cell(tile: Option<&Tile>, right: bool) -> Cell {
    let Some(tile) = tile else { return Cell::new("") };
    let side = if right { CellAlignment::Right } else { CellAlignment::Left };
    let cell = Cell::new(&tile.text).set_alignment(side);
    match tile.look {
        Look::Plain => cell,
        Look::Dim => cell.add_attribute(Attribute::Dim),
        Look::Bar => cell.fg(Color::AnsiValue(75)),
        Look::Heat(share) => match shade(share) {
            None => cell,
            Some(shade) => {
                cell.bg(Color::AnsiValue(shade.background)).fg(Color::AnsiValue(shade.letters))
            }
        },
    }
}

pub fn dim(text: &str, style: &Style) -> String {
    if style.colour { format!("\u{1b}[2m{text}\u{1b}[0m") } else { text.to_string() }
}
