//! Which texts of a property go into the section's dictionary.

use super::rows::{Cell, Strings};
use crate::codec::ints::width_of;

/// How the texts of one property are to be stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TextPlan {
    /// Codes of the strings for the dictionary, sorted by bytes; none where texts are plain.
    pub(crate) coded: Vec<u32>,
    pub(crate) plain: bool,
}

/// Chooses the smaller of dictionary and plain texts. `cells`: each with how many rows have it.
/// `codes` has an entry of `u32::MAX` for every string; those of the dictionary's become positions
/// in it.
pub(crate) fn plan(
    cells: impl Iterator<Item = (Cell, u32)>,
    strings: &Strings,
    codes: &mut [u32],
) -> TextPlan {
    // First `codes` counts how often each string occurs, starting from `u32::MAX`.
    let mut distinct: Vec<u32> = Vec::new();
    let mut values = 0u64;
    for (cell, rows) in cells {
        let Cell::Text(code) = cell else { continue };
        let Some(count) = codes.get_mut(code as usize) else { continue };
        if *count == u32::MAX {
            distinct.push(code);
        }
        *count = count.wrapping_add(rows);
        values += u64::from(rows);
    }
    let (mut once, mut all, mut longest) = (0u64, 0u64, 0u64);
    for &code in &distinct {
        let length = strings.get(code).len() as u64;
        once += length + 4;
        all += length * (u64::from(codes[code as usize]) + 1);
        longest = longest.max(length);
    }
    let packed = |greatest: u64| values * u64::from(width_of(greatest)) / 8;
    let plain = all + packed(longest) < once + packed(distinct.len() as u64);
    if plain {
        distinct.iter().for_each(|&code| codes[code as usize] = u32::MAX);
        return TextPlan { coded: Vec::new(), plain };
    }
    let coded = sorted_by_bytes(&distinct, strings);
    for (position, &code) in coded.iter().enumerate() {
        codes[code as usize] = position as u32;
    }
    TextPlan { coded, plain }
}

/// The first bytes decide most comparisons, without a look at the strings.
fn sorted_by_bytes(distinct: &[u32], strings: &Strings) -> Vec<u32> {
    let prefix = |code: u32| {
        let (mut first, text) = ([0; 8], strings.get(code));
        let length = text.len().min(8);
        first[..length].copy_from_slice(&text[..length]);
        (u64::from_be_bytes(first), code)
    };
    let mut keys: Vec<(u64, u32)> = distinct.iter().map(|&code| prefix(code)).collect();
    keys.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| strings.get(a.1).cmp(strings.get(b.1)))
    });
    keys.into_iter().map(|(_, code)| code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(texts: &[&str]) -> (TextPlan, Vec<String>, Vec<u32>) {
        let mut strings = Strings::default();
        strings.code(b"unrelated");
        let cell = |text: &&str| Cell::Text(strings.code(text.as_bytes()));
        let mut cells: Vec<Cell> = texts.iter().map(cell).collect();
        cells.push(Cell::Null);
        let mut codes = vec![u32::MAX; strings.len()];
        let cells = cells.into_iter().map(|cell| (cell, 1));
        let plan = plan(cells, &strings, &mut codes);
        let text = |&code: &u32| String::from_utf8_lossy(strings.get(code)).into_owned();
        let coded = plan.coded.iter().map(text).collect();
        (plan, coded, codes)
    }

    #[test]
    fn repeated_texts_are_coded_in_order_of_bytes() {
        let (plan, coded, codes) =
            plan_of(&["b", "longer than 8 b", "longer than 8 a", "b"].repeat(9));
        assert!(!plan.plain);
        assert_eq!(coded, ["b", "longer than 8 a", "longer than 8 b"]);
        assert_eq!(codes, [u32::MAX, 0, 2, 1]);
    }

    #[test]
    fn texts_that_occur_once_are_plain() {
        let (plan, coded, codes) = plan_of(&["one", "two", "three", "four"]);
        assert!(plan.plain && coded.is_empty());
        assert_eq!(codes, [u32::MAX; 5]);
    }
}
