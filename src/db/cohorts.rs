//! Saved cohorts: sets of users that have a name.

use super::Db;
use crate::catalog::HashDomain;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{COHORT_NAME_BYTES_MAX, COHORTS_MAX};
use crate::query::{Query, Set, cohorts};

impl Db {
    /// Saves a set of users under a name, in the place of an older one of that name. What is saved
    /// is the question: who is in it is worked out whenever somebody asks, from the events of then.
    /// A query says `{"cohort": "name"}`, or [`Set::cohort`].
    ///
    /// A cohort is as durable as an event of the same moment; every snapshot taken afterwards has
    /// it, and readers of other processes see it after the next flush.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("db");
    /// use daybit::{Db, Options, Set};
    /// let db = Db::create(&path, Options::new())?;
    /// db.save_cohort("regulars", &Set::did("purchase").at_least(3))?;
    /// assert_eq!(db.cohorts()?[0].0, "regulars");
    /// db.drop_cohort("regulars")?;
    /// # Ok::<(), daybit::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Input` for a name that is empty or holds control characters, a set that contradicts itself,
    /// one that names a cohort that is not saved or a person who was erased, and one that would lead
    /// back to itself; `Limit` for what is too long or too many; `ReadOnly`, and the disk's errors.
    pub fn save_cohort(&self, name: &str, set: &Set) -> Result<()> {
        check_name(name)?;
        let text = set.to_json().to_string();
        let core = self.core()?;
        Query::count(set.clone()).check()?;
        Set::from_json(&text)?; // what is too long to be read back is not written
        core.define(|catalog| {
            cohorts::check_saved(name, set, &catalog.cohorts)?;
            let hash = |id: &str| catalog.hash(HashDomain::User, id.as_bytes());
            if cohorts::names_any(set, &|id| catalog.has_erased(hash(id))) {
                return Err(Error::input(format!(
                    "the cohort {name:?} names somebody who was erased: leave out their id"
                )));
            }
            catalog.cohorts.insert(name.to_owned(), text);
            if catalog.cohorts.len() <= COHORTS_MAX {
                return Ok(());
            }
            let message = format!("{COHORTS_MAX} cohorts are saved, the most there may be");
            Err(Error::new(ErrorKind::Limit, message))
        })
    }

    /// The saved cohorts, sorted by name.
    ///
    /// # Errors
    /// `Unsupported` for a set that only a newer version knows.
    pub fn cohorts(&self) -> Result<Vec<(String, Set)>> {
        let snapshot = self.snapshot()?;
        let saved = snapshot.inner.catalog.cohorts.iter();
        saved.map(|(name, text)| Ok((name.clone(), cohorts::read(name, text)?))).collect()
    }

    /// Forgets a saved cohort.
    ///
    /// # Errors
    /// `Input` where there is none of that name, and while other cohorts name it; `ReadOnly`, and
    /// the disk's errors.
    pub fn drop_cohort(&self, name: &str) -> Result<()> {
        self.core()?.define(|catalog| {
            let naming = cohorts::naming(name, &catalog.cohorts)?;
            if !naming.is_empty() {
                let naming: Vec<String> = naming.iter().map(|name| format!("{name:?}")).collect();
                return Err(Error::input(format!(
                    "the cohort {name:?} is named by {}: drop or change those first",
                    naming.join(", ")
                )));
            }
            match catalog.cohorts.remove(name) {
                Some(_) => Ok(()),
                None => Err(cohorts::unknown(name, &catalog.cohorts)),
            }
        })
    }
}

fn check_name(name: &str) -> Result<()> {
    let bytes = name.len();
    if bytes > COHORT_NAME_BYTES_MAX {
        let message =
            format!("a cohort's name of {bytes} bytes: at most {COHORT_NAME_BYTES_MAX} are kept");
        return Err(Error::new(ErrorKind::Limit, message));
    }
    match name.chars().find(|letter| letter.is_control()) {
        Some(letter) => {
            Err(Error::input(format!("a cohort's name {name:?} holds {letter:?}: use plain text")))
        }
        None if name.is_empty() => Err(Error::input("a cohort's name is empty: give it one")),
        None => Ok(()),
    }
}
