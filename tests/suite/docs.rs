//! The documents: their links lead somewhere, and their examples are what the code does.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> =
        docs.filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    found.push(root().join("README.md"));
    found.push(root().join("examples/data/README.md"));
    found
}

/// The targets of `[text](target)` links that point into the project.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|target| {
        !target.starts_with("http") && !target.starts_with('#') && !target.contains(' ')
    })
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut seen = 0;
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        for target in links(&text) {
            let file = target.split('#').next().unwrap();
            let there = path.parent().unwrap().join(file);
            assert!(there.exists(), "{}: {target} leads nowhere", path.display());
            seen += 1;
        }
    }
    assert!(seen > 5, "links were found");
}

#[test]
fn paths_named_in_the_architecture_exist() {
    let text = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let mut seen = 0;
    for word in text.split('`').skip(1).step_by(2).filter(|w| w.starts_with("src/")) {
        assert!(
            root().join(word).exists(),
            "docs/architecture.md names {word}, which is not there"
        );
        seen += 1;
    }
    assert!(seen > 10, "paths were found");
}
