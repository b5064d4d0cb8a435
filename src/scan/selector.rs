//! Which events a walk looks at.

use super::condition::Condition;

/// Which events count: any, or those of some names; all of them, or those that satisfy conditions.
///
/// Builder methods take whatever turns into a selector: a name, `"*"` for any event, a list of names.
///
/// ```
/// use daybit::Selector;
/// assert_eq!(Selector::from("*"), Selector::Any);
/// assert_eq!(Selector::from(["b", "a", "b"]), Selector::any_of(["a", "b"]));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Selector {
    /// `"*"`: every event.
    #[default]
    Any,
    /// Events of these names, sorted and distinct; one name or `{"any": [...]}`.
    Names(Vec<String>),
    /// `{"event": ..., "where": [...]}`: those of them that satisfy all of the conditions.
    Where {
        /// The event, without conditions.
        event: Box<Selector>,
        /// At least one.
        conditions: Vec<Condition>,
    },
}

impl Selector {
    /// Events of one name; `"*"` means any event.
    pub fn name(name: impl Into<String>) -> Selector {
        Selector::any_of([name])
    }

    /// Events of any of these names.
    pub fn any_of<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Selector {
        Selector::Names(names.into_iter().map(Into::into).collect()).tidy()
    }

    /// Those of the events that satisfy the conditions as well, all on one event.
    #[must_use]
    pub fn matching(self, conditions: impl IntoIterator<Item = Condition>) -> Selector {
        let more = conditions.into_iter();
        let (event, conditions) = match self {
            Selector::Where { event, conditions } => (event, conditions),
            plain => (Box::new(plain), Vec::new()),
        };
        Selector::Where { event, conditions: conditions.into_iter().chain(more).collect() }.tidy()
    }

    /// The names; empty for any event.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Selector::Any => &[],
            Selector::Names(names) => names,
            Selector::Where { event, .. } => event.names(),
        }
    }

    /// The conditions; empty without.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        match self {
            Selector::Where { conditions, .. } => conditions,
            Selector::Any | Selector::Names(_) => &[],
        }
    }

    /// The event without its conditions.
    pub(crate) fn event(&self) -> &Selector {
        match self {
            Selector::Where { event, .. } => event.event(),
            plain => plain,
        }
    }

    /// Names sorted and distinct, conditions on one level, however the value was made.
    pub(crate) fn tidy(self) -> Selector {
        let mut names = match self {
            Selector::Any => return Selector::Any,
            Selector::Names(names) => names,
            Selector::Where { event, conditions } => return event.tidy().narrowed(conditions),
        };
        if names.iter().any(|name| name == "*") {
            return Selector::Any;
        }
        names.sort_unstable();
        names.dedup();
        Selector::Names(names)
    }

    fn narrowed(self, mut more: Vec<Condition>) -> Selector {
        match self {
            plain if more.is_empty() => plain,
            Selector::Where { event, mut conditions } => {
                conditions.append(&mut more);
                Selector::Where { event, conditions }
            }
            plain => Selector::Where { event: Box::new(plain), conditions: more },
        }
    }
}

impl From<&str> for Selector {
    fn from(name: &str) -> Selector {
        Selector::name(name)
    }
}

impl From<String> for Selector {
    fn from(name: String) -> Selector {
        Selector::name(name)
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Selector {
    fn from(names: [S; N]) -> Selector {
        Selector::any_of(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_sorted_and_distinct_however_it_is_made() {
        assert_eq!(Selector::any_of(["b", "a", "b"]).names(), ["a", "b"]);
        assert_eq!(Selector::any_of(["a", "*"]), Selector::Any);
        let by_hand = Selector::Names(vec!["z".into(), "a".into()]);
        assert_eq!(by_hand.tidy().names(), ["a", "z"]);
    }

    #[test]
    fn conditions_add_up_on_one_level() {
        let (de, ios) = (Condition::is("country", "DE"), Condition::is("platform", "ios"));
        let once = Selector::name("a").matching([de.clone(), ios.clone()]);
        assert_eq!(Selector::name("a").matching([de]).matching([ios]), once);
        assert_eq!((once.names(), once.conditions().len()), (&["a".to_owned()][..], 2));
        assert_eq!(Selector::Any.matching([]), Selector::Any);
    }
}
