//! How amounts of money, or of anything else, move from one period to the next.

use super::Question;
use crate::error::Result;
use crate::event::{Sum, Value};
use crate::query::answer::Column;
use crate::scan::{RowInput, Selector};
use crate::time::Micros;
use std::cmp::Ordering;

/// What accounts of amounts read: all history up to the end of the range, since an amount stays
/// until another one replaces it, and "first" means first ever.
pub(super) fn input(question: &Question<'_>, event: &Selector, property: &str) -> RowInput {
    RowInput {
        selectors: vec![event.clone()],
        from: Micros::MIN,
        to: question.instants().range().1,
        number: Some(property.to_owned()),
        numbering: question.numbering(),
        ..RowInput::default()
    }
}

/// The amounts of one period, and how they came from those of the period before.
#[derive(Debug, Clone, Default)]
pub(super) struct Movements {
    pub(super) total: Sum,
    /// Of users who never had an amount before.
    pub(super) new: Sum,
    /// What users of both periods have in both.
    pub(super) retained: Sum,
    /// What they have more now, and less.
    pub(super) expansion: Sum,
    pub(super) contraction: Sum,
    /// Of users who had an amount earlier, but not in the period before.
    pub(super) resurrected: Sum,
    /// What those had before who have nothing now.
    pub(super) churned: Sum,
}

impl Movements {
    /// A user of both periods has another amount now, or the same.
    pub(super) fn change(&mut self, last: &Sum, this: &Sum) {
        let (more, less, moved) = match this.compare(last) {
            Ordering::Equal => return,
            Ordering::Greater => (this, last, &mut self.expansion),
            Ordering::Less => (last, this, &mut self.contraction),
        };
        moved.add_sum(more);
        moved.subtract_sum(less);
    }

    /// A user has an amount, and had none in the period before.
    pub(super) fn join(&mut self, this: &Sum, new: bool) {
        if new { &mut self.new } else { &mut self.resurrected }.add_sum(this);
    }

    /// A user who had an amount has none.
    pub(super) fn leave(&mut self, last: &Sum) {
        self.churned.add_sum(last);
    }

    /// Adds what other users moved.
    pub(super) fn add(&mut self, other: &Movements) {
        self.total.add_sum(&other.total);
        self.new.add_sum(&other.new);
        self.retained.add_sum(&other.retained);
        self.expansion.add_sum(&other.expansion);
        self.contraction.add_sum(&other.contraction);
        self.resurrected.add_sum(&other.resurrected);
        self.churned.add_sum(&other.churned);
    }

    /// What came in by what went.
    fn quick_ratio(&self) -> Option<f64> {
        let gained = sum([&self.new, &self.resurrected, &self.expansion]);
        ratio(&gained, &sum([&self.churned, &self.contraction]))
    }

    /// What is left, and has grown, of the amounts of the period before.
    fn net_retention(&self) -> Option<f64> {
        ratio(&sum([&self.retained, &self.expansion]), &self.before())
    }

    /// What is left of the amounts of the period before.
    fn gross_retention(&self) -> Option<f64> {
        ratio(&self.retained, &self.before())
    }

    /// The amounts of the period before.
    fn before(&self) -> Sum {
        sum([&self.retained, &self.contraction, &self.churned])
    }
}

fn sum<const N: usize>(parts: [&Sum; N]) -> Sum {
    let mut sum = Sum::default();
    parts.into_iter().for_each(|part| sum.add_sum(part));
    sum
}

/// `None` over nothing.
fn ratio(part: &Sum, whole: &Sum) -> Option<f64> {
    (!whole.is_zero()).then(|| part.to_f64() / whole.to_f64())
}

/// The columns of a report on movements: a row per bucket, `None` where it has not begun.
pub(super) fn columns(rows: &[Option<Movements>]) -> Result<Vec<(&'static str, Column)>> {
    type Amount = fn(&Movements) -> &Sum;
    type Ratio = fn(&Movements) -> Option<f64>;
    let amounts: [(&str, Amount); 7] = [
        ("total", |row| &row.total),
        ("new", |row| &row.new),
        ("retained", |row| &row.retained),
        ("expansion", |row| &row.expansion),
        ("contraction", |row| &row.contraction),
        ("resurrected", |row| &row.resurrected),
        ("churned", |row| &row.churned),
    ];
    let ratios: [(&str, Ratio); 3] = [
        ("quick_ratio", Movements::quick_ratio),
        ("net_retention", Movements::net_retention),
        ("gross_retention", Movements::gross_retention),
    ];
    let mut columns = Vec::with_capacity(amounts.len() + ratios.len());
    for (name, amount) in amounts {
        let column = rows.iter().map(|row| {
            let amount = row.as_ref().map(|row| amount(row).value()).transpose()?;
            Ok(amount.map(Value::from))
        });
        columns.push((name, Column::Amounts(column.collect::<Result<_>>()?)));
    }
    for (name, ratio) in ratios {
        let column = rows.iter().map(|row| row.as_ref().and_then(ratio));
        columns.push((name, Column::Ratios(column.collect())));
    }
    Ok(columns)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::report::tests::events::{paid, units};
    use proptest::prelude::*;

    /// Movements in millionths.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub(in crate::report) struct Model {
        pub(in crate::report) total: i128,
        pub(in crate::report) new: i128,
        pub(in crate::report) retained: i128,
        pub(in crate::report) expansion: i128,
        pub(in crate::report) contraction: i128,
        pub(in crate::report) resurrected: i128,
        pub(in crate::report) churned: i128,
    }

    impl Model {
        /// One user more.
        pub(in crate::report) fn moved(
            &mut self,
            last: Option<i128>,
            this: Option<i128>,
            new: bool,
        ) {
            self.total += this.unwrap_or(0);
            match (last, this) {
                (Some(last), Some(this)) => {
                    self.retained += last.min(this);
                    self.expansion += (this - last).max(0);
                    self.contraction += (last - this).max(0);
                }
                (None, Some(this)) if new => self.new += this,
                (None, Some(this)) => self.resurrected += this,
                (last, None) => self.churned += last.unwrap_or(0),
            }
        }

        pub(in crate::report) fn check_identities(
            &self,
            before: Option<i128>,
        ) -> Result<(), TestCaseError> {
            let gained = self.new + self.resurrected + self.expansion;
            prop_assert_eq!(self.total, self.retained + gained);
            if let Some(before) = before {
                prop_assert_eq!(before, self.retained + self.contraction + self.churned);
            }
            Ok(())
        }
    }

    pub(in crate::report) fn model_of(movements: &Movements) -> Model {
        let units = |sum: &Sum| units(sum.value().unwrap());
        Model {
            total: units(&movements.total),
            new: units(&movements.new),
            retained: units(&movements.retained),
            expansion: units(&movements.expansion),
            contraction: units(&movements.contraction),
            resurrected: units(&movements.resurrected),
            churned: units(&movements.churned),
        }
    }

    fn amount(text: &str) -> Sum {
        Sum::from(paid(0, text).number.unwrap())
    }

    #[test]
    fn ratios_are_of_exact_sums_and_null_over_nothing() {
        let mut row = Movements::default();
        row.total.add_sum(&amount("5.5"));
        row.retained.add_sum(&amount("4"));
        row.change(&amount("5.00"), &amount("4"));
        row.join(&amount("1.5"), false);
        let columns = columns(&[None, Some(Movements::default()), Some(row)]).unwrap();
        let column =
            |name: &str| columns.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        let decimal = |text: &str| Some(Value::from(text.parse::<crate::Decimal>().unwrap()));
        let zero = Some(Value::Integer(0));
        assert_eq!(column("total"), Column::Amounts(vec![None, zero.clone(), decimal("5.5")]));
        assert_eq!(column("contraction"), Column::Amounts(vec![None, zero, decimal("1.00")]));
        assert_eq!(column("quick_ratio"), Column::Ratios(vec![None, None, Some(1.5)]));
        assert_eq!(column("net_retention"), Column::Ratios(vec![None, None, Some(0.8)]));
        assert_eq!(column("gross_retention"), Column::Ratios(vec![None, None, Some(0.8)]));
    }
}
