//! Which events a walk looks at.

/// Which events count: any, or those of some names.
///
/// Builder methods take whatever turns into a selector: a name, `"*"` for any event, a list of names.
///
/// ```
/// use daybit::Selector;
/// assert_eq!(Selector::from("*"), Selector::Any);
/// assert_eq!(Selector::from(["b", "a", "b"]), Selector::any_of(["a", "b"]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Selector {
    /// `"*"`: every event.
    #[default]
    Any,
    /// Events of these names, sorted and distinct; one name or `{"any": [...]}`.
    Names(Vec<String>),
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

    /// The names; empty for any event.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Selector::Any => &[],
            Selector::Names(names) => names,
        }
    }

    /// Names sorted and distinct, however the value was made.
    pub(crate) fn tidy(self) -> Selector {
        let Selector::Names(mut names) = self else { return self };
        if names.iter().any(|name| name == "*") {
            return Selector::Any;
        }
        names.sort_unstable();
        names.dedup();
        Selector::Names(names)
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
}
