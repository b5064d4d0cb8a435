//! Retention by age.

use super::Db;
use crate::error::Result;
use crate::time::day_from;
use crate::write::drop::Dropped;
use chrono::NaiveDate;

/// What a drop took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DropReceipt {
    /// Days that lost their events.
    pub days: u64,
    /// Those events.
    pub events: u64,
}

impl Db {
    /// Drops the rows of the days before a date: times, properties, and the order of events. Kept
    /// are, exact as before, who did what on which day and how often, and what the numbers of each
    /// property came to: active users, frequency, growth, states, retention, counts of users and
    /// of events, sums of a day. A question that needs more of one of these days is refused with
    /// [`ErrorKind::Dropped`](crate::ErrorKind::Dropped). Events that come later for such a day are
    /// kept whole.
    ///
    /// The files of these days are written anew, beside other writes, and published at once. Files
    /// that readers of other processes hold go when these let go of them.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("db");
    /// use daybit::{Db, Event, Measure, Options, Query};
    /// let db = Db::create(&path, Options::new())?;
    /// let at = "2024-03-01T09:30:00Z".parse().unwrap();
    /// db.writer()?.write(Event::new("anna", "purchase").at(at).with("price", 12))?;
    /// let receipt = db.drop_rows_before("2024-03-02".parse().unwrap())?;
    /// assert_eq!((receipt.days, receipt.events), (1, 1));
    /// let march = |query: Query| query.from("2024-03-01").to("2024-04-01");
    /// db.query(&march(Query::growth("purchase")))?;
    /// db.query(&march(Query::value("purchase", Measure::Sum).property("price")))?;
    /// assert!(db.query(&march(Query::sessions("purchase"))).is_err());
    /// # Ok::<(), daybit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `ReadOnly`, `Corruption` where one of these days is damaged, and the disk's errors.
    pub fn drop_rows_before(&self, date: NaiveDate) -> Result<DropReceipt> {
        self.drop_before(date, Dropped::Rows)
    }

    /// Drops the days before a date. Kept is on which day each user did each activity, and anything
    /// at all, for the first time: who was new and who came back is told right of the days that
    /// stay. Where a question cannot be answered without the days that went (one about their
    /// figures, or about all times under conditions or in another time zone), the answer says so
    /// in a warning.
    ///
    /// # Errors
    /// As [`drop_rows_before`](Db::drop_rows_before).
    pub fn drop_days_before(&self, date: NaiveDate) -> Result<DropReceipt> {
        self.drop_before(date, Dropped::Days)
    }

    fn drop_before(&self, date: NaiveDate, what: Dropped) -> Result<DropReceipt> {
        let outcome = self.core()?.drop_before(day_from(date), what)?;
        Ok(DropReceipt { days: outcome.days, events: outcome.events })
    }
}
