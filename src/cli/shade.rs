//! Shades of a heat map, and small bars.

/// Colours of the 256 that terminals agree on, from pale to deep blue.
const BACKGROUNDS: [u8; 8] = [195, 153, 117, 75, 69, 63, 27, 19];
/// The first of them that wants light letters.
const LIGHT_FROM: usize = 4;
const BLACK: u8 = 16;
const WHITE: u8 = 231;

/// A cell's colours, as numbers of the 256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shade {
    pub background: u8,
    pub letters: u8,
}

/// The shade of a share, 0 to 1: the deeper, the more. Nothing has none.
pub fn shade(share: f64) -> Option<Shade> {
    if share.is_nan() || share <= 0.0 {
        return None;
    }
    let steps = BACKGROUNDS.len();
    let level = ((share * steps as f64).ceil() as usize).clamp(1, steps) - 1;
    let letters = if level < LIGHT_FROM { BLACK } else { WHITE };
    BACKGROUNDS.get(level).map(|&background| Shade { background, letters })
}

/// A bar of blocks, `share` of `width` characters long to an eighth of one. What is not nothing
/// can be seen.
pub fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if share.is_nan() || share <= 0.0 {
        return String::new();
    }
    let eighths = ((share.min(1.0) * width as f64 * 8.0).round() as usize).max(1);
    let rest = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    "█".repeat(eighths / 8) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_deeper() {
        let backgrounds = |share| shade(share).map(|shade| shade.background);
        assert_eq!(backgrounds(f64::NAN), None);
        assert_eq!(backgrounds(-0.1), None);
        assert_eq!(backgrounds(0.0), None);
        assert_eq!(backgrounds(f64::MIN_POSITIVE), Some(195));
        assert_eq!(backgrounds(0.125), Some(195));
        assert_eq!(backgrounds(0.126), Some(153));
        assert_eq!(backgrounds(1.0), Some(19));
        assert_eq!(backgrounds(f64::INFINITY), Some(19));
        assert_eq!(shade(0.5), Some(Shade { background: 75, letters: BLACK }));
        assert_eq!(shade(0.51), Some(Shade { background: 69, letters: WHITE }));
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(1.0, 4), "████");
        assert_eq!(bar(7.0, 4), "████");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.6, 4), "██▍");
        assert_eq!(bar(0.0001, 4), "▏");
        assert_eq!(bar(0.0, 4), "");
        assert_eq!(bar(f64::NAN, 4), "");
    }
}
