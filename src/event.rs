//! What happened: an event, its values, and the receipt for a batch of them.

use chrono::{DateTime, Utc};

/// An exact decimal number: `unscaled / 10^scale`. `12.50` keeps both of its digits.
///
/// ```
/// use daybit::Decimal;
/// let price: Decimal = "12.50".parse()?;
/// assert_eq!((price.unscaled(), price.scale()), (1250, 2));
/// assert_eq!(price.to_string(), "12.50");
/// # Ok::<(), daybit::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    unscaled: i128,
    scale: u8,
}

impl Decimal {
    /// The digits as one whole number: 1250 of `12.50`.
    #[must_use]
    pub fn unscaled(&self) -> i128 {
        self.unscaled
    }

    /// Digits after the point: 2 of `12.50`.
    #[must_use]
    pub fn scale(&self) -> u8 {
        self.scale
    }
}

/// One property's value. Every value has its own type; a property may mix them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number of 64 bits.
    Integer(i64),
    /// A decimal number, kept to the last digit.
    Decimal(Decimal),
    /// A binary floating point number; never infinite, never NaN.
    Float(f64),
    /// Text in UTF-8.
    Text(String),
}

/// Who did what, when, with which properties.
///
/// ```
/// use daybit::Event;
/// let event = Event::new("anna", "purchase")
///     .at("2024-03-01T09:30:00Z".parse().unwrap())
///     .with("price", "12.50".parse::<daybit::Decimal>()?)
///     .with("country", "DE");
/// # Ok::<(), daybit::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The person's id; `None` or empty for an event that nobody is known to have done.
    pub user: Option<String>,
    /// What was done.
    pub activity: String,
    /// When; `None` means now, set by the writer when it takes the event.
    pub time: Option<DateTime<Utc>>,
    /// An id that makes a repeat of this very event harmless.
    pub insert_id: Option<String>,
    /// Names and values, each name at most once.
    pub properties: Vec<(String, Value)>,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Events stored by this batch.
    pub accepted: u64,
    /// Of the accepted, those without a user: kept for sums and counts, never counted as people.
    pub without_user: u64,
    /// Events not stored because an equal insert id was there already.
    pub duplicates: u64,
    /// Events refused: index in the batch and the reason.
    pub rejected: Vec<(u64, String)>,
    /// The batch id was applied before: nothing was stored now, and the counts are the first receipt's.
    pub repeated: bool,
}
