//! The groups of a breakdown: every combination of values, numbered as it is met.
//!
//! A breakdown takes two walks. The first meets all values and finds out which groups are the
//! largest; then the groups are ranked, and the second walk knows of each value which slot of the
//! answer it belongs to. All groups that are not kept share the last slot.

use super::sizes::Daily;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Decimal, Number, Value};
use crate::limits::{BREAKDOWN_BYTES_MAX, BREAKDOWN_GROUPS_MAX};

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

/// One value of a group's key; values that compare as equal are one key part.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum KeyPart {
    Null,
    Bool(bool),
    /// A number without needless zeros after the point.
    Exact(Decimal),
    /// The bits of a binary number that is written with more digits than a decimal has.
    Float(u64),
    Text(Box<str>),
}

/// A value for each property of the breakdown.
pub(crate) type GroupKey = Arc<[KeyPart]>;

/// The numbers of groups, shared by all workers, and by all breakdowns by the same properties.
#[derive(Debug)]
pub(crate) struct Numbering {
    pub(crate) properties: Vec<String>,
    met: RwLock<Met>,
}

/// The groups of one breakdown, and which of them it keeps.
#[derive(Debug)]
pub(crate) struct Groups {
    numbering: Arc<Numbering>,
    ranked: OnceLock<Ranked>,
    /// Users day by day, where the walk that ranked the groups counted them.
    daily: OnceLock<Daily>,
}

#[derive(Debug, Default)]
struct Met {
    numbers: HashMap<GroupKey, u32>,
    keys: Vec<GroupKey>,
    bytes: usize,
}

#[derive(Debug)]
struct Ranked {
    /// The groups that are kept, largest first.
    kept: Vec<u32>,
    /// Slot of each group that was met before the ranking.
    slots: Vec<u32>,
    other: bool,
}

impl Numbering {
    pub(crate) fn new(properties: Vec<String>) -> Arc<Numbering> {
        Arc::new(Numbering { properties, met: RwLock::default() })
    }

    /// The number of a group, given at first sight.
    pub(crate) fn number(&self, key: &[KeyPart]) -> Result<u32> {
        if let Some(&number) = self.read().numbers.get(key) {
            return Ok(number);
        }
        let mut met = self.met.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = met.numbers.get(key) {
            return Ok(number);
        }
        let bytes = key.iter().map(KeyPart::bytes).sum::<usize>();
        let number = met.keys.len();
        if number >= BREAKDOWN_GROUPS_MAX || met.bytes + bytes > BREAKDOWN_BYTES_MAX {
            return Err(self.too_many(number, met.bytes));
        }
        met.bytes += bytes;
        let number = number as u32; // far below the bound of 32 bits
        let key = GroupKey::from(key);
        met.keys.push(Arc::clone(&key));
        met.numbers.insert(key, number);
        Ok(number)
    }

    fn too_many(&self, number: usize, bytes: usize) -> Error {
        let properties = self.properties.join("`, `");
        let message = format!(
            "`{properties}` has too many values to be told apart: more than {number}, of {bytes} \
             bytes; {BREAKDOWN_GROUPS_MAX} and {BREAKDOWN_BYTES_MAX} bytes are the most: take a \
             property with fewer values, or narrow the events with `where`"
        );
        Error::new(ErrorKind::Limit, message)
    }

    /// Groups met so far.
    pub(crate) fn met(&self) -> usize {
        self.read().keys.len()
    }

    /// The keys of the groups met so far, by their numbers.
    pub(crate) fn keys(&self) -> Vec<GroupKey> {
        self.read().keys.clone()
    }

    fn read(&self) -> RwLockReadGuard<'_, Met> {
        self.met.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Groups {
    /// A breakdown by the properties of the numbering, not ranked yet.
    pub(crate) fn new(numbering: Arc<Numbering>) -> Groups {
        Groups { numbering, ranked: OnceLock::new(), daily: OnceLock::new() }
    }

    pub(crate) fn numbering(&self) -> &Arc<Numbering> {
        &self.numbering
    }

    pub(crate) fn properties(&self) -> &[String] {
        &self.numbering.properties
    }

    /// Keeps the `top` largest groups. `sizes`: of each group by its number; a group without one,
    /// or of size `None`, does not exist in the answer. Ties go by value.
    pub(crate) fn rank<S: PartialOrd>(&self, sizes: &[Option<S>], top: usize) {
        let met = self.numbering.read();
        let mut present: Vec<u32> = (0..met.keys.len().min(sizes.len()))
            .filter(|&number| sizes[number].is_some())
            .map(|number| number as u32)
            .collect();
        present.sort_by(|&a, &b| {
            let (one, two) = (a as usize, b as usize);
            let sizes = sizes[two].partial_cmp(&sizes[one]).unwrap_or(Ordering::Equal);
            sizes.then_with(|| compare_keys(&met.keys[one], &met.keys[two]))
        });
        let other = present.len() > top;
        present.truncate(top);
        let mut slots = vec![present.len() as u32; met.keys.len()];
        for (slot, &number) in present.iter().enumerate() {
            slots[number as usize] = slot as u32;
        }
        let _ = self.ranked.set(Ranked { kept: present, slots, other });
    }

    /// Keeps what the walk before the ranking has counted day by day.
    pub(crate) fn keep_daily(&self, daily: Daily) {
        let _ = self.daily.set(daily);
    }

    /// The users of a slot on each day that was asked for; `None` where another walk must tell.
    pub(crate) fn daily(&self, slot: usize) -> Option<Vec<u64>> {
        let (daily, ranked) = (self.daily.get()?, self.ranked.get()?);
        if let Some(group) = ranked.kept.get(slot) {
            return daily.of_groups(&[*group]);
        }
        let other = ranked.kept.len() as u32;
        let others = (0u32..).zip(&ranked.slots).filter(|(_, slot)| **slot == other);
        daily.of_groups(&others.map(|(group, _)| group).collect::<Vec<_>>())
    }

    /// Slots of the answer: the groups that are kept, and one for all others where there are any.
    pub(crate) fn slots(&self) -> usize {
        self.ranked.get().map_or(0, |ranked| ranked.kept.len() + usize::from(ranked.other))
    }

    /// The slot of a group, once they are ranked; the groups that are not kept share the slot after
    /// the kept ones, which may not be one of the answer (see `slots`).
    pub(crate) fn slot(&self, group: u32) -> usize {
        let Some(ranked) = self.ranked.get() else { return 0 };
        ranked.slots.get(group as usize).map_or(ranked.kept.len(), |slot| *slot as usize)
    }

    /// The slots of many groups.
    pub(crate) fn slots_of(&self, groups: &[u32]) -> Vec<u32> {
        let Some(ranked) = self.ranked.get() else { return vec![0; groups.len()] };
        let other = ranked.kept.len() as u32;
        let slot = |group: &u32| ranked.slots.get(*group as usize).copied();
        groups.iter().map(|group| slot(group).unwrap_or(other)).collect()
    }

    /// The values of a slot, one per property; `None` for the slot of all others.
    pub(crate) fn key(&self, slot: usize) -> Option<Vec<Option<Value>>> {
        let number = *self.ranked.get()?.kept.get(slot)?;
        let met = self.numbering.read();
        Some(met.keys.get(number as usize)?.iter().map(KeyPart::value).collect())
    }
}

impl KeyPart {
    fn bytes(&self) -> usize {
        match self {
            KeyPart::Text(text) => text.len() + size_of::<KeyPart>(),
            _ => size_of::<KeyPart>(),
        }
    }

    pub(crate) fn number(number: Number) -> KeyPart {
        match number {
            Number::Exact(number) => KeyPart::exact(number),
            Number::Float(number) => KeyPart::float(number),
        }
    }

    /// A decimal loses the zeros that do not change its value.
    pub(crate) fn exact(number: Decimal) -> KeyPart {
        let (mut unscaled, mut scale) = (number.unscaled(), number.scale());
        while scale > 0 && unscaled % 10 == 0 {
            (unscaled, scale) = (unscaled / 10, scale - 1);
        }
        KeyPart::Exact(Decimal::new(unscaled, scale).unwrap_or(number))
    }

    /// A binary number is the decimal that it is written as, where that is one.
    pub(crate) fn float(number: f64) -> KeyPart {
        match (number + 0.0).to_string().parse() {
            Ok(decimal) => KeyPart::exact(decimal),
            Err(_) => KeyPart::Float(number.to_bits()),
        }
    }

    /// `None` for a missing value.
    fn value(&self) -> Option<Value> {
        Some(match self {
            KeyPart::Null => return None,
            KeyPart::Bool(value) => Value::Bool(*value),
            KeyPart::Exact(number) => match i64::try_from(number.unscaled()) {
                Ok(whole) if number.scale() == 0 => Value::Integer(whole),
                _ => Value::Decimal(*number),
            },
            KeyPart::Float(bits) => Value::Float(f64::from_bits(*bits)),
            KeyPart::Text(text) => Value::Text(text.to_string()),
        })
    }

    fn kind(&self) -> u8 {
        match self {
            KeyPart::Null => 0,
            KeyPart::Bool(_) => 1,
            KeyPart::Exact(_) | KeyPart::Float(_) => 2,
            KeyPart::Text(_) => 3,
        }
    }
}

/// Missing values first, then booleans, numbers by value, texts by their bytes.
fn compare_keys(a: &GroupKey, b: &GroupKey) -> Ordering {
    let parts = a.iter().zip(&**b).map(|(a, b)| compare_parts(a, b));
    parts.into_iter().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_parts(a: &KeyPart, b: &KeyPart) -> Ordering {
    match (a, b) {
        (KeyPart::Text(a), KeyPart::Text(b)) => a.cmp(b),
        (KeyPart::Bool(a), KeyPart::Bool(b)) => a.cmp(b),
        _ => a.kind().cmp(&b.kind()).then_with(|| match (a.value(), b.value()) {
            (Some(a), Some(b)) => a.compare_numbers(&b).unwrap_or(Ordering::Equal),
            _ => Ordering::Equal,
        }),
    }
}
