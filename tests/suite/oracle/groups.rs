//! Groups of a breakdown: which are kept, in which order, and what the rest is.

use super::value::Scalar;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A value, or none, for each property of the breakdown. None comes first in the order.
pub type Group = Vec<Option<Scalar>>;

/// One group, the rest, or all where nothing breaks down.
#[derive(Debug, Clone, PartialEq)]
pub enum Class {
    Whole,
    One(Group),
    /// Whatever is in none of these.
    Other(Vec<Group>),
}

impl Class {
    pub fn holds(&self, group: &Group) -> bool {
        match self {
            Class::Whole => true,
            Class::One(own) => own == group,
            Class::Other(kept) => !kept.contains(group),
        }
    }
}

pub struct Groups {
    names: Vec<String>,
    kept: Vec<Group>,
    other: bool,
}

impl Groups {
    pub fn new(names: Vec<&str>, mut sizes: Vec<(Group, f64)>, top: usize) -> Groups {
        // The smaller group comes first where sizes are equal; a size of nothing is the last.
        sizes.sort_by(|(a, m), (b, n)| n.total_cmp(m).then_with(|| a.cmp(b)));
        let other = sizes.len() > top;
        let kept = sizes.into_iter().take(top).map(|(group, _)| group).collect();
        Groups { names: names.into_iter().map(str::to_string).collect(), kept, other }
    }

    pub fn classes(&self) -> Vec<Class> {
        if self.names.is_empty() {
            return vec![Class::Whole];
        }
        let kept = self.kept.iter().cloned().map(Class::One);
        kept.chain(self.other.then(|| Class::Other(self.kept.clone()))).collect()
    }

    pub fn key(&self, class: &Class) -> Json {
        match class {
            Class::Whole => json!({}),
            Class::Other(_) => json!({"other": true}),
            Class::One(group) => {
                let value = |v: &Option<Scalar>| v.as_ref().map_or(Json::Null, Scalar::json);
                let pairs = self.names.iter().cloned().zip(group.iter().map(value));
                json!(pairs.collect::<BTreeMap<_, _>>())
            }
        }
    }

    /// The rest says so beside its key too.
    pub fn mark(class: &Class, series: &mut Json) {
        if matches!(class, Class::Other(_)) {
            series["other"] = json!(true);
        }
    }

    pub fn series(&self, series: impl Fn(&Class) -> Json) -> Json {
        let keyed = |class: &Class| {
            let mut answer = series(class);
            answer["key"] = self.key(class);
            Groups::mark(class, &mut answer);
            answer
        };
        self.classes().iter().map(keyed).collect()
    }
}
