//! What the numbers of each property come to, activity by activity: totals of a section that are
//! known without reading a row.

use super::format::{AmountRecord, value_kind};
use super::laid::Laid;
use super::layout::Layout;
use super::section::{ActivityCode, Section};
use crate::error::Result;
use crate::event::{Amounts, Decimal, Number, PlainSum};
use crate::limits::DECIMAL_SCALE_MAX;

/// Appends the totals of one property, ascending by activity.
pub(crate) fn append(
    property: u16,
    layout: &Layout,
    laid: &Laid,
    wide: &[i128],
    records: &mut Vec<AmountRecord>,
) {
    if !laid.has_numbers() {
        return;
    }
    for blocks in layout.blocks.chunk_by(|a, b| a.activity == b.activity) {
        let mut amounts = Amounts::default();
        for block in blocks.iter().filter(|block| !laid.all_null(block.rows.clone())) {
            let cells = block.rows.clone().map(|row| laid.cell(laid.key(row)));
            cells.filter_map(|cell| cell.number(wide)).for_each(|number| amounts.add(number));
        }
        let activity = blocks.first().map_or(0, |block| block.activity as u16 + 1);
        records.extend(AmountRecord::of(property, activity, &amounts));
    }
}

impl AmountRecord {
    /// `None` without a number.
    fn of(property: u16, activity: u16, amounts: &Amounts) -> Option<AmountRecord> {
        let (least_kind, least_scale, least) = stored(amounts.least?);
        let (greatest_kind, greatest_scale, greatest) = stored(amounts.greatest?);
        let (sum_kind, sum_scale, sum) = match amounts.sum.plain() {
            None => (value_kind::NULL, 0, 0),
            Some(PlainSum { units, scale, floats: false }) => (value_kind::DECIMAL, scale, units),
            Some(PlainSum { units, scale, floats: true }) => (value_kind::FLOAT, scale, units),
        };
        Some(AmountRecord {
            property: property.into(),
            activity: activity.into(),
            count: (amounts.count as u32).into(), // rows of a section are fewer than 2^32
            sum_kind,
            sum_scale,
            least_kind,
            least_scale,
            greatest_kind,
            greatest_scale,
            reserved: 0.into(),
            sum: sum.into(),
            least: least.into(),
            greatest: greatest.into(),
        })
    }

    /// Says that there were numbers, and nothing of them.
    fn unknown(of: &AmountRecord) -> AmountRecord {
        let zero = Number::from(0);
        let one =
            Amounts { count: 1, least: Some(zero), greatest: Some(zero), ..Default::default() };
        let (property, activity) = of.key();
        let record = AmountRecord::of(property, activity, &one).unwrap_or(*of);
        AmountRecord { sum_kind: value_kind::NULL, sum: 0.into(), ..record }
    }

    /// `None` where the sum is too large to be told here, or unknown.
    fn amounts(&self) -> Option<Amounts> {
        let (units, scale) = (self.sum.get(), self.sum_scale);
        let floats = match self.sum_kind {
            value_kind::DECIMAL => false,
            value_kind::FLOAT => true,
            _ => return None,
        };
        Some(Amounts {
            count: self.count.get().into(),
            sum: PlainSum { units, scale, floats }.into(),
            least: Some(read(self.least_kind, self.least_scale, self.least.get())?),
            greatest: Some(read(self.greatest_kind, self.greatest_scale, self.greatest.get())?),
        })
    }

    fn key(&self) -> (u16, u16) {
        (self.property.get(), self.activity.get())
    }

    fn check(&self, activities: usize, properties: usize) -> Result<(), String> {
        let (property, activity) = self.key();
        let named = (1..=activities).contains(&usize::from(activity));
        let kinds = [value_kind::NULL, value_kind::DECIMAL, value_kind::FLOAT];
        let sum = kinds.contains(&self.sum_kind) && self.sum_scale <= DECIMAL_SCALE_MAX;
        let ends = read(self.least_kind, self.least_scale, self.least.get()).zip(read(
            self.greatest_kind,
            self.greatest_scale,
            self.greatest.get(),
        ));
        let ordered = ends.is_some_and(|(least, greatest)| least.compare(&greatest).is_le());
        let counted = self.count.get() > 0;
        if named && usize::from(property) < properties && sum && ordered && counted {
            return Ok(());
        }
        Err(format!("amounts of property {property} and activity {activity} that cannot be"))
    }
}

/// Checks the records of a section with so many names.
pub(crate) fn check(
    records: &[AmountRecord],
    activities: usize,
    properties: usize,
) -> Result<(), String> {
    if !records.is_sorted_by(|a, b| a.key() < b.key()) {
        return Err("amounts out of order".to_string());
    }
    records.iter().try_for_each(|record| record.check(activities, properties))
}

/// Kind, scale, and the unscaled value or the bits of a float.
fn stored(number: Number) -> (u8, u8, i128) {
    match number {
        Number::Exact(value) => (value_kind::DECIMAL, value.scale(), value.unscaled()),
        Number::Float(value) => (value_kind::FLOAT, 0, value.to_bits().into()),
    }
}

fn read(kind: u8, scale: u8, value: i128) -> Option<Number> {
    match kind {
        value_kind::DECIMAL => Decimal::new(value, scale).ok().map(Number::Exact),
        value_kind::FLOAT => {
            let value = f64::from_bits(u64::try_from(value).ok()?);
            value.is_finite().then_some(Number::Float(value))
        }
        _ => None,
    }
}

impl Section {
    /// What the numbers of a property on rows of an activity come to; `None`: rows must tell.
    pub(crate) fn amounts_of(
        &self,
        activity: ActivityCode,
        property: &str,
    ) -> Result<Option<Amounts>> {
        let mut all = Amounts::default();
        let Some(property) = self.property(property)? else { return Ok(Some(all)) };
        let records = self.amounts()?;
        let (from, to) = match activity {
            ActivityCode::Any => (0, u16::MAX),
            named => (named.key(), named.key()),
        };
        let from = records.partition_point(|record| record.key() < (property, from));
        let to = records.partition_point(|record| record.key() <= (property, to));
        for record in records.get(from..to).unwrap_or_default() {
            let Some(amounts) = record.amounts() else { return Ok(None) };
            all.merge(&amounts);
        }
        Ok(Some(all))
    }
}

/// The totals of a section, for one that has its properties and some of its activities: `code` is
/// an activity's among those. Of activities that are not whole only that there were numbers is told.
pub(super) fn carried(
    section: &Section,
    is_whole: &dyn Fn(&str) -> bool,
    code: &dyn Fn(&str) -> Option<usize>,
) -> Result<Vec<AmountRecord>> {
    let names = &section.opened()?.activities;
    let mut carried = Vec::new();
    for record in section.amounts()? {
        let name = usize::from(record.activity.get()).checked_sub(1).and_then(|at| names.get(at));
        let Some((name, code)) = name.and_then(|name| Some((name, code(name)?))) else { continue };
        let record = if is_whole(name) { *record } else { AmountRecord::unknown(record) };
        carried.push(AmountRecord { activity: (code as u16 + 1).into(), ..record });
    }
    Ok(carried)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::Value;
    use crate::day::rows::{DayRows, NO_USER};
    use crate::day::tests::built;

    fn rows(values: &[(u32, &str, Value)]) -> DayRows {
        let mut rows = DayRows::default();
        for (user, activity, value) in values {
            rows.push(*user, activity.as_bytes(), 0);
            rows.set(b"price", value);
        }
        rows
    }

    fn shown(section: &Section, activity: Option<&str>, property: &str) -> String {
        let code = match activity {
            None => ActivityCode::Any,
            Some(name) => section.activity(name.as_bytes()).unwrap().unwrap(),
        };
        let Some(amounts) = section.amounts_of(code, property).unwrap() else {
            return "rows must tell".to_string();
        };
        let value = |number: Number| match number {
            Number::Exact(value) => value.to_string(),
            Number::Float(value) => value.to_string(),
        };
        let Amounts { count, sum, least, greatest } = amounts;
        let ends = [least, greatest].map(|end| end.map_or("-".to_string(), value));
        format!("{count}: {} {}", value(sum.value().unwrap()), ends.join(" "))
    }

    #[test]
    fn amounts_are_told_by_activity_and_for_all() {
        let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
        let rows = rows(&[
            (1, "buy", decimal("12.50")),
            (NO_USER, "buy", decimal("0.50")),
            (200_000, "buy", decimal("-3.0")),
            (1, "buy", Value::from("free")),
            (1, "look", Value::from("twice")),
            (7, "tip", decimal("2")),
        ]);
        let section = built(&rows).1;
        assert_eq!(shown(&section, Some("buy"), "price"), "3: 10.00 -3.0 12.50");
        assert_eq!(shown(&section, Some("tip"), "price"), "1: 2 2 2");
        assert_eq!(shown(&section, Some("look"), "price"), "0: 0 - -");
        assert_eq!(shown(&section, None, "price"), "4: 12.00 -3.0 12.50");
        assert_eq!(shown(&section, None, "weight"), "0: 0 - -");
    }

    #[test]
    fn a_sum_beyond_128_bits_is_left_to_the_rows() {
        let most = Value::Decimal("9".repeat(38).parse().unwrap());
        let section = built(&rows(&[(1, "buy", most.clone()), (2, "buy", most)])).1;
        assert_eq!(shown(&section, Some("buy"), "price"), "rows must tell");
        assert_eq!(shown(&section, None, "price"), "rows must tell");
    }
}
